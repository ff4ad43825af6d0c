/** Sends the browser to an address outside of the console; nothing of this page stays in its history. */
export function leaveFor(address: string): void {
  location.replace(address);
}
