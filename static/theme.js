/* Sets the theme before the first paint: the person's choice if there is one, the system's otherwise. */
(function () {
  "use strict";
  var root = document.documentElement;
  var system = window.matchMedia("(prefers-color-scheme: dark)");
  function choice() {
    try { return localStorage.getItem("portal-theme") || "auto"; } catch { return "auto"; }
  }
  function apply() {
    var wanted = choice();
    var dark = wanted === "dark" || (wanted !== "light" && system.matches);
    root.setAttribute("data-bs-theme", dark ? "dark" : "light");
  }
  root.classList.add("js");
  apply();
  system.addEventListener("change", apply);
  window.portalTheme = {
    choice: choice,
    choose: function (wanted) {
      try { localStorage.setItem("portal-theme", wanted); } catch { /* the choice lasts for this page then */ }
      apply();
    },
  };
})();
