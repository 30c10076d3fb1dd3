/** Elements made of values. Text becomes text nodes, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/** `h("button", { class: "quiet", onclick: close }, "Close")`. Properties that begin with `on` are
 *  listeners; true and false set and leave out an attribute; children may be null. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function set(element, name, value) {
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (value === true) element.setAttribute(name, "");
  else if (value !== false && value !== null && value !== undefined) {
    element.setAttribute(name, value);
  }
}

/** What turns letters around, so that an `exe.png` is read which is none: UAX #9, section 2. */
const TURNS = /[\u202A-\u202E\u2066-\u2069]/g;

/** A name given by somebody, whose writing direction must not turn what stands around it, nor
 *  itself. */
export function name(text, attributes = {}) {
  return h("bdi", { class: "name", dir: "auto", ...attributes }, text.replace(TURNS, "\uFFFD"));
}

/** Only what differs is written: an assistive technology then hears of changes alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
