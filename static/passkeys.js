/* Asks the browser for a passkey (WebAuthn) and sends its answer. Hook: form[data-passkey=create|get]. */
(function () {
  "use strict";

  function bytes(text) {
    var plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (sign) { return sign.charCodeAt(0); });
  }
  function text(buffer) {
    return btoa(String.fromCharCode.apply(null, new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }
  function decoded(options) {
    var key = options.publicKey;
    var ids = function (list) { return (list || []).map(function (one) { return Object.assign({}, one, { id: bytes(one.id) }); }); };
    var changed = { challenge: bytes(key.challenge) };
    if (key.user) changed.user = Object.assign({}, key.user, { id: bytes(key.user.id) });
    if (key.excludeCredentials) changed.excludeCredentials = ids(key.excludeCredentials);
    if (key.allowCredentials) changed.allowCredentials = ids(key.allowCredentials);
    return { publicKey: Object.assign({}, key, changed) };
  }
  function encoded(credential) {
    var response = {};
    ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"].forEach(function (name) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    });
    return {
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response: response,
      clientExtensionResults: credential.getClientExtensionResults(),
    };
  }

  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    var options = JSON.parse(document.getElementById(form.dataset.passkeyOptions).textContent);
    var words = form.querySelector("[data-passkey-words]");
    form.hidden = false;
    form.querySelector("[data-passkey-go]").addEventListener("click", function () {
      words.textContent = "";
      if (!navigator.credentials) { words.textContent = "This browser does not support passkeys on this page."; return; }
      navigator.credentials[form.dataset.passkey](decoded(options)).then(function (credential) {
        form.elements.credential.value = JSON.stringify(encoded(credential));
        form.requestSubmit();
      }).catch(function () { words.textContent = "No passkey was used. Try again, or use another method."; });
    });
  });
})();
