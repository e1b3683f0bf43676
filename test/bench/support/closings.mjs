// When the connections of a bench closed, as both of their ends saw it.

/**
 * Waits until `count` connections are closed on both ends.
 * @returns {Promise<(number: number) => number>} the later of the two times of a connection, by the shared clock
 */
export async function closedBoth({ endpoint, clients, count }) {
  for (const end = Date.now() + 30_000; ;) {
    const [far, near] = [await endpoint.call('closings'), await clients.call('closings')];
    if (far.size >= count && near.size >= count) {
      return (number) => Math.max(far.get(number).sharedMs, near.get(number).sharedMs);
    }
    if (Date.now() > end) {
      throw new Error(
        `of ${count} ended connections ${near.size} closed at the client, ${far.size} at the endpoint`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
