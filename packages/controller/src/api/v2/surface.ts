/** What the request pipeline knows of the Cluster API: where it begins, and what every answer of it says of itself. */

/** Where its paths begin. */
export const clusterApiRoot = '/api/v2/';
/** Its version: `info.version`, and the header of every answer. */
export const clusterApiVersion = '2.0';
/** The header that carries it. */
export const versionHeader = 'X-Stile-API-Version';

/** Headers of every answer, errors among them. */
export const clusterApiHeaders: Readonly<Record<string, string>> = { [versionHeader]: clusterApiVersion };

/** Whether a path, or a URL without host, lies in the Cluster API. */
export function isClusterPath(path: string): boolean {
  return path.startsWith(clusterApiRoot) || /^\/api\/v2(\?|$)/.test(path);
}
