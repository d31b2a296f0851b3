"use strict";
// Draws a run from its states. What comes from it is put in as text, never as HTML.
const $ = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 1 : 0 });
const seconds = (value) => value === null || value === undefined ? "-" : value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
const shown = (value) => typeof value === "number" ? (Number.isInteger(value) ? String(value) : value.toFixed(2))
  : typeof value === "object" && value !== null ? Object.entries(value).map(([name, one]) => `${name} ${shown(one)}`).join(", ") : String(value);
const lanes = new Map();  // a lane's element -> its rate and the dots on it
let before = null;

function fill(list, lines) {
  list.replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
}

function part(parent, template, key) {
  let found = [...parent.children].find((one) => one.dataset.key === key);
  if (!found) {
    found = $(template).content.firstElementChild.cloneNode(true);
    found.dataset.key = key;
    parent.append(found);
    lanes.set(found.querySelector(".lane"), { rate: 0, dots: [], due: 0 });
  }
  return found;
}

function rateOf(name, count, at) {  // events a second since the state before, smoothed
  const last = before?.counts[name], smooth = before?.rates[name];
  const now = last === undefined || at <= before.at ? 0 : Math.max(0, (count - last) / (at - before.at));
  return smooth === undefined ? now : smooth * 0.6 + now * 0.4;
}

function draw(state) {
  const run = state.run;
  if (!run) return;
  const counts = {}, rates = {};
  const rate = (name, count) => { counts[name] = count; return rates[name] = run.ended ? 0 : rateOf(name, count, run.elapsed_s); };
  $("state").textContent = run.ended ? `The run has ended after ${seconds(run.elapsed_s)}` : `${seconds(run.elapsed_s)} since it began`;
  $("sent").textContent = number(run.sent);
  $("total").textContent = number(run.total);
  $("stream-name").textContent = run.input_stream;
  if (!$("event").value && run.example) $("event").value = JSON.stringify(run.example, null, 2);
  for (const shard of run.shards) {
    const row = part($("shards"), "shard", shard.id);
    row.querySelector(".name").textContent = shard.id.replace("shardId-00000000", "shard ");
    row.querySelector(".count").textContent = number(shard.sent);
    lanes.get(row.querySelector(".lane")).rate = rate(shard.id, shard.sent);
  }
  for (const one of run.consumers) consumer(one, rate);
  $("join").hidden = !run.join;
  document.querySelector("main").classList.toggle("joined", Boolean(run.join));
  if (run.join) joined(run.join, rate);
  const most = Math.max(0, ...Object.values(rates));
  worth = 10 ** Math.max(0, Math.ceil(Math.log10(Math.max(1, most) / 8)));
  $("legend").textContent = `Each dot is ${number(worth)} event${worth === 1 ? "" : "s"}.`;
  hand(state.by_hand, run);
  before = { at: run.elapsed_s, counts, rates };
}

function consumer(one, rate) {
  const card = part($("consumers"), "consumer", one.name);
  const text = (name, value) => { card.querySelector(name).textContent = value; };
  card.className = one.refused ? "refused" : one.paused ? "paused" : "";
  text(".name", one.name + (one.paused ? " (paused)" : ""));
  text(".version", one.refused ? `Refused: ${one.refused}` : one.version ? `model version ${one.version.slice(0, 12)}` : "");
  text(".predicted", number(one.predicted));
  text(".rate", number(one.per_second));
  text(".age", seconds(one.iterator_age_s));
  text(".latency", `${seconds(one.latency_p50_s)} / ${seconds(one.latency_p99_s)}`);
  text(".batches", `${number(one.batches)}, ${number(one.redelivered)}`);
  text(".output", one.output_stream ? `onto ${one.output_stream}` : "");
  fill(card.querySelector(".recent"), one.recent.map((made) => `${made.id}: ${shown(made.value)} ${one.unit}`));
  card.querySelector(".quarantine").hidden = !one.quarantined;
  text(".quarantine h3", `${number(one.quarantined)} in quarantine`);
  fill(card.querySelector(".reasons"), Object.entries(one.reasons).map(([code, count]) => `${code}: ${number(count)}`));
  const struck = Object.entries(one.reads_refused ? { ...one.troubles, reads_refused: one.reads_refused } : one.troubles);
  card.querySelector(".troubles").hidden = !struck.length;
  fill(card.querySelector(".troubles ul"), struck.map(([kind, count]) => `${kind.replaceAll("_", " ")}: ${number(count)}`));
  lanes.get(card.querySelector(".lane")).rate = rate(`consumer ${one.name}`, one.predicted);
}

for (const lane of ["verdicts-lane", "join-lane", "decisions-lane"]) lanes.set($(lane), { rate: 0, dots: [], due: 0 });

function rows(list, counts) {
  list.replaceChildren(...counts.map(([name, value]) => {
    const row = document.createElement("div");
    row.append(...[["dt", name], ["dd", value]].map(([kind, text]) => Object.assign(document.createElement(kind), { textContent: text })));
    return row;
  }));
}

function joined(join, rate) {
  const sum = (counts) => Object.values(counts).reduce((one, other) => one + other, 0);
  const named = (counts) => Object.entries(counts).map(([name, count]) => [name.replaceAll("_", " "), number(count)]);
  const flow = { verdicts: join.verdicts, join: sum(join.outcomes), decisions: sum(join.effects) };
  for (const [name, count] of Object.entries(flow)) lanes.get($(`${name}-lane`)).rate = rate(`${name} of the join`, count);
  $("verdicts-name").textContent = join.verdicts_stream;
  $("join-name").textContent = join.name;
  $("decisions-name").textContent = join.decisions_stream;
  $("verdicts").textContent = number(join.verdicts);
  $("decided").textContent = number(flow.join);
  $("messages").textContent = number(flow.decisions);
  rows($("outcomes"), [...named(join.outcomes), ["waiting", number(join.waiting)], ["revisions", number(join.revisions)],
    ["deadline", seconds(join.deadline_s)]]);
  rows($("effects"), named(join.effects));
  for (const [id, title, counts] of [["join-quarantine", `${number(join.quarantined)} in quarantine`, join.reasons],
    ["join-troubles", "What struck it", join.troubles]]) {
    $(id).hidden = !sum(counts);
    $(id).querySelector("h3").textContent = title;
    fill($(id).querySelector("ul"), named(counts).map(([name, count]) => `${name}: ${count}`));
  }
  fill($("decisions"), join.recent.map((one) => {
    const told = one.lines[0] ?? `${one.outcome} ${one.id}`;
    return one.seconds === null ? told : `${told} After ${seconds(one.seconds)}.`;
  }));
}

function hand(put, run) {
  $("hand").hidden = !put.length;
  const cells = (kind, texts) => texts.map((text) => Object.assign(document.createElement(kind), { textContent: text }));
  const names = run.consumers.map((one) => one.name);
  const heads = ["Event", "The web service, at booking", ...names.map((name) => `${name}, from the stream`)];
  $("hand-head").replaceChildren(...cells("th", heads));
  $("hand-rows").replaceChildren(...[...put].reverse().map((one) => {
    const row = document.createElement("tr");
    const estimate = one.estimate.prediction
      ? `${shown(without(one.estimate.prediction, run.id_name))} ${run.consumers[0].unit}` : one.estimate.detail;
    const answers = run.consumers.map((each) => {
      const made = each.answers[one.event_id];
      return made ? `${shown(made.value)} ${each.unit}, after ${seconds(made.seconds)}` : run.ended ? "no prediction: in quarantine, or late" : "…";
    });
    row.append(...cells("td", [one.id, estimate, ...answers]));
    [...row.children].forEach((cell, place) => { cell.dataset.name = heads[place]; });
    return row;
  }));
}

function without(prediction, name) {  // what is predicted: the one value, or all by their names
  const ranged = Array.isArray(prediction.interval) && Object.keys(prediction).length === 3;  // beside its number
  const left = Object.fromEntries(Object.entries(prediction).filter(([key]) => key !== name && !(ranged && key === "interval")));
  const values = Object.values(left);
  return values.length === 1 ? values[0] : left;
}

let worth = 1, last = performance.now();
const still = matchMedia("(prefers-reduced-motion: reduce)");
function move(now) {
  const passed = Math.min(0.1, (now - last) / 1000);
  last = now;
  for (const [lane, its] of lanes) {
    if (!lane.isConnected || still.matches) continue;
    const width = lane.clientWidth;
    its.due += its.rate / worth * passed;
    while (its.due >= 1) {
      its.due -= 1;
      if (its.dots.length < 60) its.dots.push({ at: -Math.random() * 20, element: lane.appendChild(document.createElement("i")) });
    }
    its.dots = its.dots.filter((dot) => {
      dot.at += width / 1.5 * passed;
      if (dot.at > width) { dot.element.remove(); return false; }
      dot.element.style.transform = `translateX(${dot.at}px)`;
      return true;
    });
  }
  requestAnimationFrame(move);
}
requestAnimationFrame(move);

$("by-hand").addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  $("wrong").textContent = "";
  try {
    const answer = await fetch("/event", { method: "POST", body: $("event").value, headers: { "Content-Type": "application/json" } });
    if (!answer.ok) $("wrong").textContent = (await answer.json()).detail;
  } catch {
    $("wrong").textContent = "The run's page has ended.";
  }
});
const states = new EventSource("/states");
states.onmessage = (message) => draw(JSON.parse(message.data));
states.onerror = () => { $("state").textContent = "The run's page has ended; this is its last state."; };
