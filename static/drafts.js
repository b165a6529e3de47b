/* Saves a form while it is typed, so that neither a sign-out nor a crash loses it. An addition: without it the
   server keeps what was posted. Hook: input[name=draft_token] with data-draft-save (address), data-draft-secrets
   (fields whose values are never sent from here) and data-draft-page (the form's address after it was answered
   in place). */
(function () {
  "use strict";

  var PAUSE = 2000;

  function watch(token) {
    var form = token.form, timer = 0, sending = null, submitted = false;
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
    function save(last) {
      clearTimeout(timer);
      timer = 0;
      if (submitted || !form.isConnected) return;
      if (sending) sending.abort();
      sending = new AbortController();
      var options = { method: "POST", body: content(), redirect: "manual", signal: sending.signal };
      if (last) options = { method: "POST", body: content(), redirect: "manual", keepalive: true };
      /* Users cannot type behind a dialog: when it opened, the field that lost the focus reported its change.
         The draft is saved, but the header says that this does not keep the session alive. */
      var unattended = Boolean(document.querySelector("dialog:modal"));
      if (unattended) options.headers = { "X-Portal-Poll": "1" };
      fetch(token.dataset.draftSave, options)
        .then(function (answer) { return answer.ok ? answer.json() : Promise.reject(new Error("refused")); })
        .then(function (answer) {
          status.textContent = "Draft saved at " + answer.saved;
          /* The portal took the draft, so the session was used just now: portal.js warns later. */
          if (!unattended) document.dispatchEvent(new CustomEvent("portal:seen"));
        })
        .catch(function (error) {
          if (error.name !== "AbortError") status.textContent = "The draft could not be saved.";
        });
    }
    function later() {
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
    document.addEventListener("visibilitychange", function () { if (document.hidden && timer) save(true); });
    addEventListener("pageshow", function (event) { if (event.persisted) submitted = false; });
  }

  document.querySelectorAll("input[name=draft_token]").forEach(function (token) {
    /* This page is the answer to a post: Back and reload must find the form, not a page that has expired. */
    if (token.dataset.draftPage) history.replaceState(history.state, "", token.dataset.draftPage);
    if (token.dataset.draftSave) watch(token);
  });
})();
