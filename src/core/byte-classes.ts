// The byte classes of the RFCs as 256-entry tables, for the reference parser and for everybody who
// checks bytes in TypeScript.

export const TOKEN = 1;
export const TARGET = 2;
export const VALUE = 4;
export const REG_NAME = 8;
export const DIGIT = 16;
export const HEX = 32;
export const OWS = 64;

const ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** CLASSES[byte] holds a bit for each class that the byte is in. */
export const CLASSES: Uint8Array<ArrayBuffer> = new Uint8Array(256);

/** Value of a hex digit, 255 for any other byte. */
export const HEX_VALUES: Uint8Array<ArrayBuffer> = new Uint8Array(256).fill(255);

/** The byte in lower case, if it is an ASCII letter. */
export const LOWER: Uint8Array<ArrayBuffer> = new Uint8Array(256);

addCharacters(TOKEN, `!#$%&'*+-.^_\`|~${ALPHANUMERIC}`); // RFC 9110 5.6.2
addCharacters(REG_NAME, `-._~!$&'()*+,;=${ALPHANUMERIC}`); // RFC 3986 3.2.2
addCharacters(DIGIT, "0123456789");
addCharacters(HEX, "0123456789ABCDEFabcdef");
addCharacters(OWS, " \t");
addRange(VALUE, 0x20, 0x7e); // RFC 9110 5.5: VCHAR, SP, HTAB and obs-text
addRange(VALUE, 0x80, 0xff);
addCharacters(VALUE, "\t");
addRange(TARGET, 0x21, 0x22); // VCHAR, "#" left out: a target has no fragment
addRange(TARGET, 0x24, 0x7e);
for (let byte = 0; byte < 256; byte++) {
  const isUpper = byte >= 0x41 && byte <= 0x5a;
  LOWER[byte] = isUpper ? byte + 0x20 : byte;
  if (((CLASSES[byte] ?? 0) & HEX) !== 0) {
    HEX_VALUES[byte] = Number.parseInt(String.fromCharCode(byte), 16);
  }
}

function addCharacters(kind: number, characters: string): void {
  for (let index = 0; index < characters.length; index++) {
    const byte = characters.charCodeAt(index);
    addRange(kind, byte, byte);
  }
}

function addRange(kind: number, first: number, last: number): void {
  for (let byte = first; byte <= last; byte++) CLASSES[byte] = (CLASSES[byte] ?? 0) | kind;
}
