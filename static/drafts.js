/* Saves a form while it is typed, so that neither a sign-out nor a crash loses it. An addition: without it the
   server keeps what was posted. Hook: input[name=draft_token] with data-draft-save (address), data-draft-secrets
   (fields whose values are never sent from here) and data-draft-page (the form's address after it was answered
   in place). */
(function () {
  "use strict";

  var PAUSE = 2000;
  /* Browsers send a request that outlives its page only up to 64 KiB. */
  var KEEPALIVE_LIMIT = 60000;

  function watch(token) {
    /* `typed` counts what was typed, `kept` is its value at the last save that the portal confirmed. */
    var form = token.form, timer = 0, sending = null, submitted = false, accepted = false, typed = 0, kept = 0;
    var secrets = token.dataset.draftSecrets.split(" ").filter(Boolean);
    var status = document.createElement("p");
    status.className = "form-hint";
    status.setAttribute("role", "status");
    form.append(status);

    function owner(key) {
      return secrets.find(function (name) {
        return key === name || [name + "_", name + "-", name + "."].some(function (start) { return key.startsWith(start); });
      });
    }
    /* What was typed; of secrets only which of them were. */
    function content() {
      var body = new URLSearchParams(), data = new FormData(form);
      data.forEach(function (value, key) {
        if (typeof value !== "string") return;
        var secret = owner(key);
        if (!secret) body.append(key, value);
        else if (value) body.append("draft_secrets", secret);
      });
      return body;
    }
    /* The browser's Back shows a form that the portal has accepted already. */
    function showAccepted(address) {
      accepted = true;
      clearTimeout(timer);
      var link = document.createElement("a");
      link.href = address;
      link.textContent = "See the result";
      status.replaceChildren("This form was already submitted. What you type here now is not saved as a draft. ", link);
    }
    function save(last) {
      clearTimeout(timer);
      timer = 0;
      if (submitted || accepted || !form.isConnected) return;
      if (sending) sending.abort();
      sending = new AbortController();
      var body = content().toString(), saved = typed;
      var options = { method: "POST", body: body, redirect: "manual", headers: { "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8" } };
      if (last && body.length <= KEEPALIVE_LIMIT) options.keepalive = true;
      else options.signal = sending.signal;
      /* Users cannot type behind a dialog: when it opened, the field that lost the focus reported its change.
         The draft is saved, but the header says that this does not keep the session alive. */
      var unattended = Boolean(document.querySelector("dialog:modal"));
      if (unattended) options.headers["X-Portal-Poll"] = "1";
      fetch(token.dataset.draftSave, options)
        .then(function (answer) {
          if (answer.ok || answer.status === 409) return answer.json();
          throw new Error("refused");
        })
        .then(function (answer) {
          if (answer.submitted) { showAccepted(answer.submitted); return; }
          if (!answer.saved) throw new Error("refused");
          kept = Math.max(kept, saved);
          status.textContent = "Draft saved at " + answer.saved;
          /* The portal took the draft, so the session was used just now: portal.js warns later. */
          if (!unattended) document.dispatchEvent(new CustomEvent("portal:seen"));
        })
        .catch(function (error) {
          if (error.name !== "AbortError") status.textContent = "The draft could not be saved. The portal tries again when you continue typing or return to this page.";
        });
    }
    function later() {
      typed += 1;
      clearTimeout(timer);
      timer = setTimeout(save, PAUSE);
    }
    form.addEventListener("input", later);
    form.addEventListener("change", later);
    form.addEventListener("submit", function (event) {
      if (event.defaultPrevented) return;
      submitted = true;
      clearTimeout(timer);
      if (sending) sending.abort();
    });
    /* The page may be closed while it is hidden, so what is not saved is sent then; what failed is tried again. */
    document.addEventListener("visibilitychange", function () { if (typed > kept) save(document.hidden); });
    addEventListener("online", function () { if (typed > kept) save(); });
    addEventListener("pageshow", function (event) { if (event.persisted) submitted = false; });
  }

  document.querySelectorAll("input[name=draft_token]").forEach(function (token) {
    /* This page is the answer to a post: Back and reload must find the form, not a page that has expired. */
    if (token.dataset.draftPage) history.replaceState(history.state, "", token.dataset.draftPage);
    if (token.dataset.draftSave) watch(token);
  });
})();
