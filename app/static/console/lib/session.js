/** Who has signed in: a token, kept for this tab alone, and what it says of itself. */

const KEPT = "slipway.token";
/** Milliseconds that a timer can wait for; what lasts longer outlives the page. */
const LONGEST = 2 ** 31 - 1;

const OTHERS = "This token is somebody else's. Sign out first; uploads can be gone on with later.";

export class NoToken extends Error {}

/** Tells `change` when somebody has signed in, and `refused` when the service takes the token no
 *  longer; whoever asks for a token then waits for the next one. */
export class Session extends EventTarget {
  #token = sessionStorage.getItem(KEPT);
  #refused = false;
  #ending;

  constructor() {
    super();
    const isToken = this.#token !== null && claimsOf(this.#token) !== null;
    this.#keep(isToken ? this.#token : null);
  }

  get isOpen() {
    return this.#token !== null;
  }

  get isRefused() {
    return this.#refused;
  }

  /** `{subject, scopes, endsAt}`, read for display only: what counts, the service decides.
   *  `endsAt` is in milliseconds, null where the token does not say. */
  get claims() {
    return this.isOpen ? claimsOf(this.#token) : null;
  }

  has(scope) {
    return this.claims?.scopes.includes(scope) ?? false;
  }

  /** The token in a text that somebody pasted, with or without `Bearer`. Throws NoToken. */
  static read(text) {
    const token = text.replace(/^\s*(authorization:)?\s*(bearer\s)?/i, "").replace(/[\s"']/g, "");
    if (claimsOf(token) === null) {
      throw new NoToken("This is not a token: paste all of it, three parts with dots between.");
    }
    return token;
  }

  /** In place of one that ended only for the same person: the page holds what is theirs. */
  signIn(token) {
    if (this.isOpen && claimsOf(token).subject !== this.claims.subject) throw new NoToken(OTHERS);
    this.#keep(token);
    this.#refused = false;
    this.#tell("change");
  }

  /** Leaves the page, and with it everything of the person; if uploads are under way the browser
   *  asks first, and nothing has happened when somebody stays. */
  signOut() {
    addEventListener("pagehide", () => this.#keep(null), { once: true });
    location.reload();
  }

  /** The service answered 401 to this one. */
  refuse(token) {
    if (token !== this.#token || this.#refused) return;
    this.#refused = true;
    this.#tell("refused");
  }

  /** The present token; after it ended, the next. */
  async token() {
    if (hasEnded(this.claims)) this.refuse(this.#token);
    while (this.#refused || !this.isOpen) await this.#next();
    return this.#token;
  }

  #next() {
    return new Promise((resolve) => this.addEventListener("change", resolve, { once: true }));
  }

  #keep(token) {
    this.#token = token;
    if (token === null) sessionStorage.removeItem(KEPT);
    else sessionStorage.setItem(KEPT, token);
    clearTimeout(this.#ending);
    const left = (this.claims?.endsAt ?? Infinity) - Date.now();
    if (left < LONGEST) this.#ending = setTimeout(() => this.refuse(token), left);
  }

  #tell(type) {
    this.dispatchEvent(new CustomEvent(type));
  }
}

/** RFC 7519; null for what is no token. */
export function claimsOf(token) {
  try {
    const [, payload, signature] = token.split(".");
    const text = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const octets = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    const { sub, scope, exp } = JSON.parse(new TextDecoder().decode(octets));
    if (!signature || typeof sub !== "string") return null;
    const scopes = (scope ?? "files:read files:write").split(" ");
    return { subject: sub, scopes, endsAt: exp ? exp * 1000 : null };
  } catch {
    return null;
  }
}

function hasEnded(claims) {
  return claims !== null && claims.endsAt !== null && claims.endsAt <= Date.now();
}
