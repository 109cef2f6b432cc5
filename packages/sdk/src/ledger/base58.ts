const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const VALUES: ReadonlyMap<string, number> = new Map(Array.from(ALPHABET, (character, value) => [character, value]));

/** Five digits at once: their product with 16 bits is still exact in a double. */
const DIGITS_IN_LIMB = 5;
const LIMB = 58 ** DIGITS_IN_LIMB;

/** Adds the characters of a limb; without those in front that stand for nothing when it is the first. */
function addLimb(codes: number[], limb: number): void {
  let divisor = LIMB / 58;
  let rest = limb;
  for (let digit = 0; digit < DIGITS_IN_LIMB; digit += 1) {
    const value = Math.floor(rest / divisor);
    if (value > 0 || codes.length > 0) codes.push(ALPHABET.charCodeAt(value));
    rest -= value * divisor;
    divisor /= 58;
  }
}

/** Base58 (Bitcoin alphabet) of bytes; a zero byte in front is a `1`. */
export function toBase58(bytes: Uint8Array): string {
  const limbs: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const isPair = (bytes.length - at) % 2 === 0;
    const factor = isPair ? 65_536 : 256;
    let carry = isPair ? (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0) : (bytes[at] ?? 0);
    for (let place = 0; place < limbs.length; place += 1) {
      const value = (limbs[place] ?? 0) * factor + carry;
      carry = Math.floor(value / LIMB);
      limbs[place] = value - carry * LIMB;
    }
    if (carry > 0) limbs.push(carry);
    at += isPair ? 2 : 1;
  }
  // Character by character a text would be built as a chain of its halves, three dozen objects for one id.
  const codes: number[] = [];
  for (let place = limbs.length - 1; place >= 0; place -= 1) addLimb(codes, limbs[place] ?? 0);
  const zeros = bytes.findIndex((byte) => byte !== 0);
  return '1'.repeat(zeros === -1 ? bytes.length : zeros) + String.fromCharCode(...codes);
}

/** The `length` bytes in base58 text, or null when the text is not base58 of exactly so many bytes. */
export function fromBase58(text: string, length: number): Uint8Array | null {
  // Longer text than these bytes can have is refused before the quadratic decoding.
  if (text.length > length * 2) return null;
  const bytes = new Uint8Array(length);
  for (const character of text) {
    let carry = VALUES.get(character);
    if (carry === undefined) return null;
    for (let at = length - 1; at >= 0; at -= 1) {
      carry += (bytes[at] ?? 0) * 58;
      bytes[at] = carry & 0xff;
      carry >>= 8;
    }
    if (carry !== 0) return null;
  }
  return toBase58(bytes) === text ? bytes : null;
}
