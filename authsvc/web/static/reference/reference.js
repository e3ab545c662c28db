/* Filters lists and copies samples on the pages of the reference, all of which can be read without it. */

const lower = (text) => text.toLowerCase();

/** Show only the entries of a list in which every word is found. */
function filter(input) {
  const list = document.getElementById(input.dataset.filter);
  const entries = [...list.querySelectorAll("[data-words]")];
  const groups = [...list.querySelectorAll("details, [data-group]")];
  const open = new Map(groups.map((group) => [group, group.open]));
  const count = input.closest("label").nextElementSibling;
  const unit = count.dataset.unit;

  const apply = () => {
    const words = lower(input.value).split(/\s+/).filter(Boolean);
    for (const entry of entries) {
      entry.hidden = !words.every((word) => lower(entry.dataset.words).includes(word));
    }
    for (const group of groups) {
      group.hidden = !group.querySelector("[data-words]:not([hidden])");
      if (group.tagName === "DETAILS") group.open = words.length > 0 || open.get(group);
    }
    const left = entries.filter((entry) => !entry.hidden).length;
    count.textContent = words.length ? `${left} of ${entries.length} ${unit}` : "";
  };
  input.addEventListener("input", apply);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !input.value) return;
    input.value = "";
    event.preventDefault();
    event.stopPropagation();
    apply();
  });
  input.closest("label").hidden = false;
  count.hidden = false;
  apply();
}

/** Put a button beside a sample that copies it. */
function copyable(figure) {
  if (!navigator.clipboard) return;
  const button = document.createElement("button");
  const name = figure.querySelector("figcaption").textContent;
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy: ${name}`);
  button.addEventListener("click", async () => {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(figure.querySelector("pre").textContent);
    } catch {
      said = "Not allowed";
    }
    button.textContent = said;
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  figure.querySelector("figcaption").append(button);
}

/** Mark the entry of the side bar whose route is shown, and keep it in view. */
function follow() {
  for (const link of document.querySelectorAll(".side a.here")) link.classList.remove("here");
  const hash = location.hash;
  const link = hash && [...document.querySelectorAll(".side a")].find((one) => one.getAttribute("href") === hash);
  if (!link) return;
  link.classList.add("here");
  link.scrollIntoView({block: "nearest"});
}

document.querySelectorAll("[data-filter]").forEach(filter);
document.querySelectorAll(".sample").forEach(copyable);
addEventListener("hashchange", follow);
follow();
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && location.hash === "#routes") location.hash = "#main";
});
