// Calls of the controller's HTTP API, one at a time; load goes through programs/http-load.mjs instead.

/** Error of a call that was not answered as wanted. */
function refused(method, path, status, body) {
  return new Error(`${method} ${path}: ${status} ${JSON.stringify(body).slice(0, 500)}`);
}

/** A caller of one controller. */
export class Api {
  #address;
  #token = '';

  /** @param {string} address `http://host:port` */
  constructor(address) {
    this.#address = address;
  }

  get address() {
    return this.#address;
  }

  /** The token of the last login. */
  get token() {
    return this.#token;
  }

  /** The body of the answer; fails unless the status is 2xx. */
  async call(method, path, body) {
    const response = await fetch(`${this.#address}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    const answer = text === '' ? undefined : JSON.parse(text);
    if (!response.ok) throw refused(method, path, response.status, answer);
    return answer;
  }

  /** Logs in; later calls carry the token. */
  async login(authMethodId, loginName, password) {
    const answer = await this.call('POST', `/v1/auth-methods/${authMethodId}:authenticate`, {
      command: 'login',
      attributes: { login_name: loginName, password },
    });
    this.#token = answer.attributes.token;
    return answer.attributes;
  }

  /** A tcp target on loopback. */
  async createTarget({ projectId, name, port, ...more }) {
    return this.call('POST', '/v1/targets', {
      scope_id: projectId,
      type: 'tcp',
      name,
      address: '127.0.0.1',
      attributes: { default_port: port },
      ...more,
    });
  }

  /** A new session's authorization. */
  async authorize(targetId) {
    return this.call('POST', `/v1/targets/${targetId}:authorize-session`, {});
  }
}
