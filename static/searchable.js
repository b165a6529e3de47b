/* Makes a long <select> searchable (WAI-ARIA combobox with a list). The select stays and carries the value, so the
   form is the same with and without it. Loaded by portal.js where a page has select[data-searchable]. */

const SHOWN = 60;
let count = 0;

export function enhance(root) {
  for (const select of root.querySelectorAll("select[data-searchable]:not([data-enhanced]):not([multiple])")) {
    new Combobox(select);
  }
}

/* The same folding as portal.core.text.fold, for the scripts that lists are written in. */
const LETTERS = { "ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th", "ə": "e" };
const plain = (text) => text.normalize("NFKC").toLowerCase().normalize("NFD")
  .replace(/[\u0300-\u036f\p{Cf}]/gu, "").replace(/[ıłøđðħßæœþə]/g, (letter) => LETTERS[letter])
  .replace(/[\u2018\u2019\u201b\u2032\u02bc`]/g, "'").replace(/[\u2010-\u2015\u2212]/g, "-")
  .replace(/\s+/g, " ").trim();
const words = (text) => text.split(/[^\p{L}\p{N}]+/u).filter(Boolean);

/* How well an entry answers what was typed, best first: its code, a whole name, the beginning of a name, the
   beginnings of words, any part; -1 if it does not. */
const RANKS = [
  (entry, text) => entry.code === text,
  (entry, text) => entry.names.includes(text),
  (entry, text) => entry.names[0].startsWith(text),
  (entry, text) => entry.names.some((name) => name.startsWith(text)),
  (entry, text) => words(text).length > 0 && words(text).every((word) => entry.words.some((own) => own.startsWith(word))),
  (entry, text) => text.split(" ").every((word) => entry.key.includes(word)),
];
const WHOLE = 1;
const rank = (entry, text) => RANKS.findIndex((fits) => fits(entry, text));

function entryOf(option) {
  const name = plain(option.text), code = plain(option.value);
  /* "Austria (AT)" is called Austria, too. */
  const short = name.replace(/ ?\([^()]*\)$/, "") || name;
  const names = [short, name, ...(option.dataset.keywords || "").split("|").map(plain)].filter(Boolean);
  const key = `${names.join(" ")} ${code}`;
  return { option, code, key, names, words: words(key) };
}

class Combobox {
  constructor(select) {
    this.select = select;
    select.dataset.enhanced = "";
    this.options = Array.from(select.options).filter((option) => !option.disabled).map(entryOf);
    this.build();
    this.listen();
    this.settle();
  }

  build() {
    const { select } = this;
    const id = select.id || `combo-${(count += 1)}`;
    const label = document.querySelector(`label[for="${CSS.escape(id)}"]`);
    const name = label ? label.textContent.replace(/\*/g, "").replace(/\s+/g, " ").trim() : select.name;
    const input = document.createElement("input");
    input.type = "text";
    input.className = select.className;
    input.autocomplete = "off";
    input.spellcheck = false;
    for (const key of ["aria-describedby", "aria-invalid", "aria-required", "autofocus"]) {
      if (select.hasAttribute(key)) input.setAttribute(key, select.getAttribute(key));
    }
    input.disabled = select.disabled;
    const attributes = { role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": `${id}-list` };
    Object.entries(attributes).forEach(([key, value]) => input.setAttribute(key, value));
    /* The input takes the id, so that label and error summary lead to it. */
    select.id = `${id}-select`;
    input.id = id;
    select.hidden = true;
    const list = document.createElement("ul");
    list.id = `${id}-list`;
    list.className = "combo-list";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", name);
    list.hidden = true;
    const box = document.createElement("div");
    box.className = "combo";
    select.before(box);
    box.append(input, list, select);
    Object.assign(this, { input, list, box, active: -1 });
  }

  listen() {
    const { input, list } = this;
    input.addEventListener("click", () => this.open(""));
    input.addEventListener("focus", () => input.select());
    input.addEventListener("input", (event) => { event.stopPropagation(); this.open(input.value); });
    input.addEventListener("change", (event) => event.stopPropagation());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.leave());
    list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const item = event.target.closest("[role=option]");
      if (item) this.choose(Number(item.dataset.at));
    });
    this.select.addEventListener("change", () => this.settle());
  }

  settle() {
    const chosen = this.select.selectedOptions[0];
    this.input.value = chosen && chosen.value ? chosen.text.trim() : "";
    this.input.placeholder = chosen && !chosen.value ? chosen.text.trim() : "";
  }

  open(typed) {
    const text = plain(typed);
    this.found = text ? this.ranked(text).slice(0, SHOWN) : this.options;
    this.list.replaceChildren(...this.found.map(({ option }, at) => this.item(option, at)));
    if (!this.found.length) {
      const none = document.createElement("li");
      none.className = "combo-none";
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      none.setAttribute("aria-selected", "false");
      none.textContent = "Nothing found";
      this.list.append(none);
    }
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    const chosen = this.found.findIndex(({ option }) => option.selected);
    this.activate(text ? (this.found.length ? 0 : -1) : chosen);
  }

  /* The entries that fit, best first; among equals in the order of the list. The empty entry is no answer. */
  ranked(text) {
    return this.options.filter(({ code }) => code)
      .map((entry) => ({ ...entry, rank: rank(entry, text) }))
      .filter((entry) => entry.rank >= 0)
      .sort((one, other) => one.rank - other.rank);
  }

  item(option, at) {
    const item = document.createElement("li");
    item.id = `${this.list.id}-${at}`;
    item.dataset.at = at;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(option.selected));
    item.textContent = option.text;
    return item;
  }

  activate(at) {
    const items = this.list.querySelectorAll("[data-at]");
    if (items[this.active]) items[this.active].classList.remove("active");
    this.active = at;
    if (items[at]) {
      items[at].classList.add("active");
      items[at].scrollIntoView({ block: "nearest" });
      this.input.setAttribute("aria-activedescendant", items[at].id);
    } else this.input.removeAttribute("aria-activedescendant");
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.active = -1;
  }

  choose(at) {
    const found = this.found[at];
    if (!found) return;
    found.option.selected = true;
    this.close();
    this.settle();
    this.select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /* What was typed without choosing: empty clears, a whole name or code is taken, anything else is undone. */
  leave() {
    const text = plain(this.input.value);
    const was = this.select.value;
    const best = text ? this.ranked(text)[0] : this.options.find(({ code }) => !code);
    const shown = plain(this.select.selectedOptions[0]?.text || "");
    if (best && text !== shown && (!text || best.rank <= WHOLE)) best.option.selected = true;
    this.close();
    this.settle();
    if (this.select.value !== was) this.select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  key(event) {
    const shut = this.list.hidden;
    if (event.key === "Escape") { if (!shut) event.stopPropagation(); this.close(); this.settle(); return; }
    if (event.key === "Enter" && !shut) { event.preventDefault(); this.choose(this.active); return; }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    if (shut) { this.open(""); return; }
    const step = event.key === "ArrowDown" ? 1 : -1;
    const last = this.found.length - 1;
    if (last >= 0) this.activate(Math.min(last, Math.max(0, this.active + step)));
  }
}
