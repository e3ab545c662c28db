// A classic script, in words that old browsers know: it says so if the page's module does not come or does not start.
(function () {
  "use strict";
  var isStarted = false;

  function tell() {
    var note = document.getElementById("not-loaded");
    if (isStarted || !note) return;
    var main = document.querySelector("main > .card") || document.querySelector("main");
    var spinner = document.getElementById("loading");
    if (spinner) spinner.hidden = true;
    if (main && main.offsetParent) main.insertBefore(note, main.firstChild);
    document.getElementById("reload").onclick = function () {
      location.reload();
    };
    note.hidden = false;
  }

  function tellOnceThere() {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", tell);
    else tell();
  }

  function isModule(target) {
    return target && target.tagName === "SCRIPT" && target.type === "module";
  }

  function isPage(target) {
    return isModule(target) && !target.hasAttribute("data-aside");
  }

  // Neither event of an element bubbles: they are caught on the way down. What a module throws comes to the window itself.
  window.addEventListener("error", function (event) {
    if (event.target === window || isModule(event.target)) tellOnceThere();
  }, true);
  document.addEventListener("load", function (event) {
    if (isPage(event.target) && document.getElementById("not-loaded").hidden) isStarted = true;
  }, true);
  if (!("noModule" in document.createElement("script"))) tellOnceThere();
})();
