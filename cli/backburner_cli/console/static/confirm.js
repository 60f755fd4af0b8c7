// Ask before what costs or destroys, and then do it.

import { change } from "./api.js";
import { say } from "./dom.js";
import { documents } from "./format.js";

/** Whether the person agrees; Escape and "Leave it" are no. Focus goes back to where it was. */
export function agreed(title, text, yes) {
  const dialog = document.getElementById("confirm");
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").textContent = text;
  const button = document.getElementById("confirm-yes");
  button.textContent = yes;
  return new Promise((resolve) => {
    const done = (answer) => () => {
      dialog.returnValue = answer;
      dialog.close();
    };
    button.onclick = done("yes");
    document.getElementById("confirm-no").onclick = done("no");
    dialog.returnValue = "no";
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
    dialog.oncancel = () => {
      dialog.returnValue = "no";
    };
    dialog.showModal();
  });
}

async function ask(path, selected, title, text, yes) {
  if (!(await agreed(title, text, yes))) return false;
  try {
    await change(path, selected);
    say("It has begun.");
    document.dispatchEvent(new CustomEvent("changed"));
    return true;
  } catch (error) {
    document.dispatchEvent(new CustomEvent("trouble", { detail: error.message }));
    return false;
  }
}

/** Run documents again, once a person has agreed to their number. */
export function replay(selected, number, rerun = false) {
  const many = documents(number);
  return ask(
    "/api/replay",
    { ...selected, agreed: number, rerun },
    `Run ${many} again?`,
    rerun
      ? "What is done is run again too. The provider bills each run; results stay until the new run has ended."
      : "Each is run as it is in the inbox now. The provider bills each run.",
    `Run ${many} again`,
  );
}

/** Cancel jobs, once a person has agreed to their number. */
export function cancel(selected, number) {
  const jobs = number === 1 ? "1 job" : `${number.toLocaleString()} jobs`;
  return ask(
    "/api/cancel",
    { ...selected, agreed: number },
    `Cancel ${jobs}?`,
    "Generations are stopped at the checker's next tick. The documents fail as “cancelled” and can be run again.",
    `Cancel ${jobs}`,
  );
}
