/* Copies recovery codes and saves them to a file, in the browser only: nothing is sent or stored elsewhere.
   Hooks: [data-recovery-codes] with li elements, [data-codes-copy], [data-codes-download], [data-codes-words]. */
(function () {
  "use strict";

  var box = document.querySelector("[data-recovery-codes]");
  if (!box) return;
  var copy = box.querySelector("[data-codes-copy]");
  var download = box.querySelector("[data-codes-download]");
  var words = box.querySelector("[data-codes-words]");

  function text() {
    return Array.from(box.querySelectorAll("li"), function (item) { return item.textContent.trim(); }).join("\n") + "\n";
  }
  function select() {
    var range = document.createRange();
    range.selectNodeContents(box.querySelector("ul"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    words.textContent = "Press Control and C to copy.";
  }
  copy.addEventListener("click", function () {
    if (!navigator.clipboard) { select(); return; }
    navigator.clipboard.writeText(text()).then(function () { words.textContent = "Codes copied."; }, select);
  });
  download.addEventListener("click", function () {
    var address = URL.createObjectURL(new Blob([text()], { type: "text/plain" }));
    var link = document.createElement("a");
    link.href = address;
    link.download = "provisioning-portal-recovery-codes.txt";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(address); }, 1000);
    words.textContent = "Codes downloaded. Keep the file in a safe place.";
  });
  copy.hidden = download.hidden = false;
}());
