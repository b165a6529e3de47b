/* Offer the browser's time zone to users whose times are shown in UTC, once in each browser.
   Hook: form[data-zone-offer] with [data-zone], [data-zone-keep] and a field named timezone. */
(function () {
  "use strict";

  var ASKED = "portal.zone-offered";
  var form = document.querySelector("[data-zone-offer]");
  var zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

  function asked() {
    try { return localStorage.getItem(ASKED); } catch (error) { return null; }
  }
  function remember() {
    try { localStorage.setItem(ASKED, "1"); } catch (error) { /* private mode: it is offered again */ }
  }
  if (!form || !zone || zone === "UTC" || asked()) return;
  form.elements.timezone.value = zone;
  form.querySelector("[data-zone]").textContent = zone;
  form.querySelector("[data-zone-keep]").addEventListener("click", function () {
    remember();
    form.hidden = true;
  });
  form.addEventListener("submit", remember);
  form.hidden = false;
}());
