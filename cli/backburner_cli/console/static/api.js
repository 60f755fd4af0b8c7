// What the page asks of its own server, and of no other.

/** What went wrong, in words for the person at the page. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function answered(response) {
  const text = await response.text();
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    value = { problem: text.trim() };
  }
  if (!response.ok) throw new ApiError(value?.problem || `The console answered ${response.status}.`, response.status);
  return value;
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The console does not answer: has backburner console been stopped?", 0);
  }
  return answered(response);
}

/** Read something; lists become repeated parameters, and what is empty is left out. */
export function read(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null && each !== "") query.append(name, String(each));
    }
  }
  return ask(`${path}?${query}`, { signal });
}

/** Change something. */
export function change(path, body) {
  return ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

/** Replace something. */
export function put(path, body) {
  return ask(path, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

/** Upload a file, telling how far it is; `fetch` could not tell. */
export function upload(recipe, path, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", `/api/upload?${new URLSearchParams({ recipe, path })}`);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener("error", () => reject(new ApiError("The upload broke off.", 0)));
    request.addEventListener("load", () => {
      let value = null;
      try {
        value = JSON.parse(request.responseText);
      } catch {
        value = { problem: request.responseText.trim() };
      }
      if (request.status === 200) resolve(value);
      else reject(new ApiError(value?.problem || `The console answered ${request.status}.`, request.status));
    });
    request.send(file);
  });
}
