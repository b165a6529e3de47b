/* What pages do beyond HTML. Everything here is an addition: forms and links work without it.
   Hooks: data-copy, data-copy-field, data-guarded, data-generate-password, data-rows, data-preset, data-menu, data-nav-toggle,
   data-theme-choice, data-form-errors, data-idle, data-poll, select[data-searchable]. */
(function () {
  "use strict";

  var script = document.currentScript;
  var all = function (selector, root) { return Array.from((root || document).querySelectorAll(selector)); };

  /* Says something to those who listen instead of looking. */
  var speaker = document.createElement("div");
  speaker.className = "visually-hidden";
  speaker.setAttribute("role", "status");
  function say(words) { speaker.textContent = ""; setTimeout(function () { speaker.textContent = words; }, 50); }

  /* ---- copy buttons ------------------------------------------------------------------------------------- */
  function selectText(node) {
    var range = document.createRange();
    range.selectNodeContents(node);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }
  function copy(button) {
    var code = button.parentNode.querySelector("code");
    var done = function () {
      button.classList.add("copied");
      say("Copied");
      setTimeout(function () { button.classList.remove("copied"); }, 1500);
    };
    var byHand = function () { selectText(code); say("Press Control and C to copy"); };
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, byHand);
    else byHand();
  }

  /* ---- forms: sent once, not lost by accident ------------------------------------------------------------ */
  function guard(form) {
    var sent = false, changed = false;
    /* Forms outside the layout are left without asking: half a password is no loss. */
    var watched = !form.closest(".page-center") && !form.hasAttribute("data-unwatched");
    form.addEventListener("input", function () { changed = true; });
    form.addEventListener("change", function () { changed = true; });
    form.addEventListener("submit", function (event) {
      if (sent) { event.preventDefault(); return; }
      if (event.defaultPrevented) return;
      sent = true;
      /* After the browser has collected the form: a disabled button would not be part of it. */
      setTimeout(function () {
        all("button:enabled:not([type=button]), input[type=submit]", form).forEach(function (button) {
          button.disabled = true;
          button.classList.add("is-busy");
        });
        say("Sending");
      }, 0);
    });
    addEventListener("beforeunload", function (event) {
      if (changed && !sent && watched && form.isConnected) event.preventDefault();
    });
    /* Back from the next page: the browser may show this page as it was left. */
    addEventListener("pageshow", function (event) {
      if (!event.persisted) return;
      sent = false;
      all(".is-busy", form).forEach(function (button) { button.disabled = false; button.classList.remove("is-busy"); });
    });
  }

  /* ---- passwords ------------------------------------------------------------------------------------------ */
  var KINDS = ["abcdefghijkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", "!#$%*+-=?@_"];
  function below(limit) {
    var box = new Uint32Array(1), ceiling = Math.floor(0x100000000 / limit) * limit;
    do crypto.getRandomValues(box); while (box[0] >= ceiling);
    return box[0] % limit;
  }
  function strongPassword(length) {
    var pick = function (from) { return from[below(from.length)]; };
    var signs = KINDS.map(pick);
    while (signs.length < length) signs.push(pick(KINDS.join("")));
    for (var i = signs.length - 1; i > 0; i--) {
      var j = below(i + 1), kept = signs[i];
      signs[i] = signs[j];
      signs[j] = kept;
    }
    return signs.join("");
  }
  function offerPassword(button) {
    var password = strongPassword(Number(button.dataset.length) || 20);
    button.dataset.generatePassword.split(" ").forEach(function (id) {
      var field = document.getElementById(id);
      if (!field) return;
      field.type = "text";
      field.value = password;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
    /* Fields never show what was sent: this is the only time to take it along. */
    all("[data-password-made]", button.closest(".field")).forEach(function (node) { node.hidden = false; });
    say("A strong password was filled in. Copy it now: it is not shown again.");
  }
  function copyField(button) {
    var field = document.getElementById(button.dataset.copyField);
    var byHand = function () { field.select(); say("Press Control and C to copy"); };
    if (navigator.clipboard) navigator.clipboard.writeText(field.value).then(function () { say("Copied"); }, byHand);
    else byHand();
  }

  /* ---- rows that can be added and removed ----------------------------------------------------------------- */
  function addRow(box) {
    var mould = box.querySelector("template");
    var number = Number(box.dataset.next || all("[data-row]", box).length);
    box.dataset.next = number + 1;
    var holder = document.createElement("div");
    holder.innerHTML = mould.innerHTML.replaceAll("__index__", number);
    var row = holder.firstElementChild;
    (box.querySelector("[data-row-list]") || mould.parentNode).append(row);
    prepare(row);
    var first = row.querySelector("input:not([type=hidden]), select, textarea");
    if (first) first.focus();
    box.dispatchEvent(new Event("change", { bubbles: true }));
    say("Row added");
  }
  function removeRow(button) {
    var row = button.closest("[data-row]"), box = button.closest("[data-rows]");
    row.remove();
    box.dispatchEvent(new Event("change", { bubbles: true }));
    box.querySelector("[data-row-add]").focus();
    say("Row removed");
  }

  /* ---- presets of checkbox groups: the values one per line, "*" is all of them ------------------------------ */
  function applyPreset(button) {
    var wanted = button.dataset.preset.split("\n");
    all("input[type=checkbox]:not(:disabled)", button.closest("fieldset")).forEach(function (box) {
      box.checked = wanted.includes("*") || wanted.includes(box.value);
    });
    button.closest("fieldset").dispatchEvent(new Event("change", { bubbles: true }));
    say(button.textContent.trim() + " chosen");
  }

  /* ---- menus, navigation, theme --------------------------------------------------------------------------- */
  function closeMenus(except) {
    all("details[data-menu][open]").forEach(function (menu) { if (menu !== except) menu.open = false; });
  }
  function toggleNavigation(button) {
    var menu = document.getElementById(button.getAttribute("aria-controls"));
    button.setAttribute("aria-expanded", String(menu.classList.toggle("shown")));
  }
  function showThemeChoice() {
    all("[data-theme-choice] button").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.value === window.portalTheme.choice()));
    });
  }

  /* ---- before an idle session ends, and after it ---------------------------------------------------------- */
  /* When the session was last used. Tabs share the session, so they share this time. Only these two functions
     read or write it; other scripts dispatch "portal:seen" on the document when the portal took a request. */
  var seen = 0;
  function markSeen() {
    seen = Date.now();
    try { localStorage.setItem("portal-seen", seen); } catch (error) { /* no storage */ }
  }
  function lastSeen() {
    try { return Math.max(seen, Math.min(Date.now(), Number(localStorage.getItem("portal-seen")) || 0)); } catch (error) { return seen; }
  }
  var SIGNED_OUT = "What you typed here stays. Sign in again in a new tab, then come back and press Continue.";
  var STILL_SIGNED_OUT = "You are still signed out. " + SIGNED_OUT;
  var SOMEONE_ELSE = "Someone else is signed in now. Only the person who opened this page can continue it. " +
    "If that is you, sign out in the other tab and sign in again. Otherwise close this tab.";
  var NO_ANSWER = "The portal did not answer. What you typed here stays. Press Continue to try again.";
  function watchIdle(box) {
    var limit = Number(box.dataset.idle) * 1000, ahead = Math.min(120000, limit / 3);
    var heading = box.querySelector("h2"), words = box.querySelector("[data-idle-words]");
    var button = box.querySelector("[data-idle-stay]"), signIn = box.querySelector("[data-idle-sign-in]");
    var warning = { title: document.title, heading: heading.textContent, words: words.textContent, button: button.textContent };
    var over = false, asked = 0;

    function show(text, signedOut) {
      over = signedOut;
      document.title = text.title;
      document.documentElement.classList.toggle("session-over", signedOut);
      heading.textContent = text.heading;
      words.textContent = text.words;
      button.textContent = text.button;
      signIn.hidden = !signedOut;
    }
    /* Other people who find the screen must not read on: the page is hidden, not only covered. */
    function end(message, title) {
      show({ title: title, heading: title === "Signed out" ? "You were signed out" : title, words: message, button: "Continue" }, true);
      if (!box.open) box.showModal();
    }
    function look() {
      /* Only Continue ends this: a dialog that closes by itself lets the next click fall on what is behind it. */
      if (over) return;
      var left = lastSeen() + limit - Date.now();
      if (left <= 0) end(SIGNED_OUT, "Signed out");
      else if (left > ahead) box.close();
      else if (!box.open) box.showModal();
    }
    /* Ask whether this person is signed in. After a new sign-in the forms need its token before the page opens. */
    function stay() {
      var turn = asked += 1;
      /* Of several questions the last one counts: the session may have changed since the others. */
      function latest(act) { return function (value) { if (turn === asked) act(value); }; }
      fetch(box.dataset.keepAlive, { redirect: "manual", headers: { Accept: "application/json" } })
        .then(function (answer) {
          if (answer.ok) return answer.json();
          if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) return null;
          throw new Error("no answer");
        })
        .then(latest(function (answer) {
          if (!answer) { end(over ? STILL_SIGNED_OUT : SIGNED_OUT, "Signed out"); return; }
          if (answer.user !== box.dataset.user) { end(SOMEONE_ELSE, "Signed out"); return; }
          all("input[name=csrfmiddlewaretoken]").forEach(function (field) { field.value = answer.token; });
          markSeen();
          box.close();
          show(warning, false);
        }))
        .catch(latest(function () { end(NO_ANSWER, "No answer"); }));
    }
    button.addEventListener("click", stay);
    box.addEventListener("cancel", function (event) { event.preventDefault(); stay(); });
    /* Some browsers close a dialog on the second Escape without asking. */
    box.addEventListener("close", function () { if (over) box.showModal(); });
    /* A page without this box was opened: perhaps the person signed out in another tab. */
    addEventListener("storage", function (event) { if (event.key === "portal-away" && !over) stay(); });
    addEventListener("pageshow", function (event) { if (event.persisted) stay(); });
    markSeen();
    setInterval(look, Math.min(5000, limit / 10));
  }

  /* ---- work in progress: the box is reloaded every data-poll seconds while it has the attribute ---------- */
  function poll(box) {
    var pause = Number(box.dataset.poll) * 1000, longest = 30000;
    function later() { setTimeout(look, pause); }
    function look() {
      if (document.hidden) { later(); return; }
      /* The header marks a request without a click: it does not keep a session alive. */
      fetch(location.href, { redirect: "manual", headers: { "X-Portal-Poll": "1" } })
        .then(function (answer) { return answer.ok ? answer.text() : Promise.reject(); })
        .then(show)
        .catch(function () { pause = Math.min(2 * pause, longest); later(); });
    }
    function show(page) {
      var fresh = new DOMParser().parseFromString(page, "text/html").getElementById(box.id);
      var focused = box.contains(document.activeElement) && document.activeElement.id;
      box.replaceChildren.apply(box, Array.from(fresh.childNodes));
      prepare(box);
      all("form[method=post]", box).forEach(guard);
      if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
      if (fresh.dataset.poll) later();
      else say("Finished");
    }
    later();
  }

  /* ---- wiring --------------------------------------------------------------------------------------------- */
  var ON_CLICK = {
    "[data-copy]": copy,
    "[data-generate-password]": offerPassword,
    "[data-copy-field]": copyField,
    "[data-row-add]": function (button) { addRow(button.closest("[data-rows]")); },
    "[data-row-remove]": removeRow,
    "[data-preset]": applyPreset,
    "[data-nav-toggle]": toggleNavigation,
    "[data-theme-choice] button": function (button) { window.portalTheme.choose(button.value); showThemeChoice(); },
  };
  document.addEventListener("click", function (event) {
    closeMenus(event.target.closest("details[data-menu]"));
    Object.keys(ON_CLICK).forEach(function (selector) {
      var found = event.target.closest(selector);
      if (found) ON_CLICK[selector](found);
    });
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") {
      var open = document.querySelector("details[data-menu][open]");
      if (open) { open.open = false; open.querySelector("summary").focus(); }
    }
    if (event.key === "/" && !event.target.closest("input, textarea, select, [contenteditable]")) {
      var search = document.getElementById("global-search");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });
  /* Makes usable what is hidden where there is no JavaScript, in the page or in a row added to it. */
  function prepare(root) {
    all("[data-copy], [data-generate-password], [data-row-add], [data-row-remove], [data-presets], [data-theme-choice]", root)
      .forEach(function (node) { node.hidden = false; });
    if (all("select[data-searchable]", root).length) {
      import(script.dataset.searchable).then(function (module) { module.enhance(root); });
    }
  }
  document.body.append(speaker);
  prepare(document);
  showThemeChoice();
  all("form[method=post]").forEach(guard);
  document.addEventListener("portal:seen", markSeen);
  all("[data-idle]").forEach(watchIdle);
  if (!document.querySelector("[data-idle]")) {
    try { localStorage.setItem("portal-away", Date.now()); } catch (error) { /* no storage */ }
  }
  all("[data-poll]").forEach(poll);
  var errors = document.querySelector("[data-form-errors]");
  if (errors) errors.focus();
})();
