export interface Part {
  text: string;
  /** Whether it is an address to go to. */
  link: boolean;
}

/** Cuts a text into what is a web address and what is not. A full stop or bracket after an address is none of it. */
export function parts(text: string): Part[] {
  const found: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"]+/g)) {
    const address = match[0].replace(/[.,;:!?)\]}]+$/, '');
    if (match.index > end) found.push({ text: text.slice(end, match.index), link: false });
    found.push({ text: address, link: true });
    end = match.index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end), link: false });
  return found;
}
