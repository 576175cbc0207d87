"use strict";

const study = JSON.parse(document.getElementById("study").textContent);
const storageKey = `cellid-experts-${study.id}`;
const panes = [...document.querySelectorAll("figure svg")];
const part = id => document.getElementById(id);
const MARKER_PX = 9, DRAG_PX = 4, CLOSEST = 16;

const nothing = () => ({expert: "", sheets: {}});
let answers = nothing();
let current = 0;
let view;           // the part of the sheet that all panes show, in its pixels
let history = [];   // [place of a sheet, its answer before a change]

const sheet = () => study.sheets[current];
const answerTo = ({id}) =>
  answers.sheets[id] ?? {judged: false, false_positives: [], misses: [], note: ""};
const isJudged = one => answerTo(one).judged;

// What the expert has said

function keep(difference) {
  answers.sheets[sheet().id] = {...answerTo(sheet()), ...difference};
  store();
}

function change(difference) {
  history.push([current, answers.sheets[sheet().id]]);
  keep(difference);
  refresh();
}

function undo() {
  if (!history.length) return;
  const [place, before] = history.pop();
  if (before) answers.sheets[study.sheets[place].id] = before;
  else delete answers.sheets[study.sheets[place].id];
  store();
  if (place !== current) show(place); else refresh();
}

function mark(target, [x, y]) {
  const {false_positives: objects, misses} = answerTo(sheet());
  const {object, miss} = target.dataset;
  if (object) {
    const number = Number(object);
    const others = objects.filter(other => other !== number);
    change({false_positives: others.length < objects.length ? others : [...objects, number]});
  } else if (miss) {
    change({misses: misses.filter((_, place) => place !== Number(miss))});
  } else if (x >= 0 && y >= 0 && x < sheet().width && y < sheet().height) {
    change({misses: [...misses, [x, y].map(each => Math.round(each * 10) / 10)]});
  }
}

function finish() {
  if (!isJudged(sheet())) change({judged: true});
  const open = study.sheets.findIndex((one, place) => place > current && !isJudged(one));
  const next = open >= 0 ? open : study.sheets.findIndex(one => !isJudged(one));
  if (next >= 0) show(next);
}

// Keeping it

function store() {
  try {
    localStorage.setItem(storageKey, JSON.stringify(answers));
  } catch {
    part("message").textContent = "This browser keeps nothing: save a file before you close it.";
  }
}

function recall() {
  try {
    return JSON.parse(localStorage.getItem(storageKey));
  } catch {
    return null;
  }
}

const mayForget = () => !Object.keys(answers.sheets).length ||
  confirm("Forget the marks that this browser keeps? Save them first if they are needed.");

function start(kept) {
  answers = kept;
  history = [];
  part("expert").value = answers.expert;
  show(Math.max(study.sheets.findIndex(one => !isJudged(one)), 0));
}

function save() {
  if (!answers.expert) {
    part("message").textContent = "Write your name first.";
    part("expert").focus();
    return;
  }
  const link = document.createElement("a");
  const text = JSON.stringify({study: study.id, ...answers}, null, 1);
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = answers.expert.replace(/[^\p{L}\p{N}]+/gu, "-") + ".json";
  link.click();
  URL.revokeObjectURL(link.href);
  part("message").textContent = `${link.download} is saved: send it back.`;
}

async function load(file) {
  let said = `${file.name} is not a file that this form has saved.`;
  try {
    const {study: id, ...kept} = JSON.parse(await file.text());
    if (id === study.id && kept.sheets) {
      if (!mayForget()) return;
      start(kept);
      store();
      said = `${file.name} is loaded.`;
    }
  } catch { /* it is said below */ }
  part("message").textContent = said;
}

// Showing it

function show(place) {
  current = place;
  const {id, width, height, objects} = sheet();
  const paths = objects.map((d, i) => `<path data-object="${i + 1}" d="${d}"/>`).join("");
  panes.forEach((pane, i) => {
    pane.innerHTML = `<svg width="${width}" height="${height}"><image href="sheets/${id}.jpg"
      x="${-i * width}" width="${3 * width}" height="${height}"/></svg>
      <g class="objects" transform="translate(.5 .5)">${paths}</g>
      <g class="misses"></g><g class="pointer"></g>`;
    pane.style.aspectRatio = `${width} / ${height}`;
  });
  const after = study.sheets[place + 1];
  if (after) new Image().src = `sheets/${after.id}.jpg`;
  look({x: 0, y: 0, width, height});
  refresh();
}

function refresh() {
  const {judged, false_positives: objects, misses, note} = answerTo(sheet());
  const radius = MARKER_PX * pixelSize();
  for (const pane of panes) {
    pane.style.setProperty("--pixel", pixelSize());
    for (const path of pane.querySelectorAll("path"))
      path.classList.toggle("false", objects.includes(Number(path.dataset.object)));
    pane.querySelector(".misses").innerHTML = misses.map(([x, y], i) =>
      `<circle data-miss="${i}" cx="${x}" cy="${y}" r="${radius}"/>`).join("");
  }
  part("judged").checked = judged;
  part("note").value = note;
  part("false").textContent = objects.length;
  part("missed").textContent = misses.length;
  const n = study.sheets.filter(isJudged).length, all = study.sheets.length;
  part("progress").value = n / all;
  part("done").textContent = `${n} of ${all} judged`;
  if (n === all) part("message").textContent = "All sheets are judged: save the file and send it.";
  part("place").innerHTML = study.sheets.map((one, i) =>
    `<option value="${i}"${i === current ? " selected" : ""}>` +
    `${i + 1} · ${one.id}${isJudged(one) ? " ✓" : ""}</option>`).join("");
  part("undo").disabled = !history.length;
}

// Sheet pixels a screen pixel
const pixelSize = () => view.width / (panes[0].clientWidth || view.width);

function look(wanted) {
  const {width, height} = sheet();
  const clamp = (value, most) => Math.min(Math.max(value, 0), most);
  view = {...wanted, x: clamp(wanted.x, width - wanted.width),
          y: clamp(wanted.y, height - wanted.height)};
  for (const pane of panes)
    pane.setAttribute("viewBox", [view.x, view.y, view.width, view.height].join(" "));
}

function zoom(factor, [x, y] = [view.x + view.width / 2, view.y + view.height / 2]) {
  const {width, height} = sheet();
  const scale = Math.min(Math.max(view.width / factor, width / CLOSEST), width) / view.width;
  look({x: x - (x - view.x) * scale, y: y - (y - view.y) * scale,
        width: view.width * scale, height: view.height * scale});
  refresh();
}

function pointOf(event, pane) {
  const {x, y} = new DOMPoint(event.clientX, event.clientY)
    .matrixTransform(pane.getScreenCTM().inverse());
  return [x, y];
}

function point([x, y]) {
  const radius = MARKER_PX * pixelSize();
  for (const pane of panes) {
    const ring = pane.matches(":hover") ? "" : `<circle cx="${x}" cy="${y}" r="${radius}"/>`;
    pane.querySelector(".pointer").innerHTML = ring;
  }
}

// Mouse, pen, keys

for (const pane of panes) {
  let pressed = null;
  pane.addEventListener("pointerdown", event => {
    if (event.button === 0) pressed = {event, view, dragged: false};
  });
  pane.addEventListener("pointermove", event => {
    if (pressed) {
      const [dx, dy] = [event.clientX - pressed.event.clientX, event.clientY - pressed.event.clientY];
      if (!pressed.dragged && Math.hypot(dx, dy) > DRAG_PX) {
        pressed.dragged = true;
        pane.setPointerCapture(event.pointerId);
      }
      if (pressed.dragged)
        look({...view, x: pressed.view.x - dx * pixelSize(), y: pressed.view.y - dy * pixelSize()});
    }
    point(pointOf(event, pane));
  });
  pane.addEventListener("pointerup", event => {
    if (pressed && !pressed.dragged) mark(pressed.event.target, pointOf(event, pane));
    pressed = null;
  });
  pane.addEventListener("pointercancel", () => pressed = null);
  pane.addEventListener("wheel", event => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), pointOf(event, pane));
  }, {passive: false});
}

const step = by => show(Math.min(Math.max(current + by, 0), study.sheets.length - 1));
const actions = {
  previous: () => step(-1), next: () => step(1), finish, undo, save,
  closer: () => zoom(1.5), wider: () => zoom(1 / 1.5),
  open: () => part("file").click(),
  anew: () => {
    if (!mayForget()) return;
    start(nothing());
    store();
  },
};
const keys = {
  Enter: "finish", ArrowLeft: "previous", ArrowRight: "next", u: "undo", "+": "closer", "-": "wider",
};
for (const [name, action] of Object.entries(actions)) part(name).addEventListener("click", action);
document.addEventListener("keydown", event => {
  if (event.target.closest("input:not([type=checkbox]), textarea, select") || event.altKey) return;
  if (event.key === "Enter" && event.target.closest("button, summary")) return;
  const command = event.ctrlKey || event.metaKey;
  const name = command ? {z: "undo", s: "save"}[event.key] : keys[event.key];
  if (!name) return;
  event.preventDefault();
  actions[name]();
});
part("expert").addEventListener("input", event => { answers.expert = event.target.value; store(); });
part("note").addEventListener("input", event => keep({note: event.target.value}));
part("judged").addEventListener("change", event => change({judged: event.target.checked}));
part("place").addEventListener("change", event => show(Number(event.target.value)));
part("file").addEventListener("change", event => {
  if (event.target.files.length) load(event.target.files[0]);
  event.target.value = "";
});

addEventListener("resize", refresh);

start(recall() ?? nothing());
