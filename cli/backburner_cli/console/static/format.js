// Numbers, times and sizes as people read them, in this browser's language.

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const one = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const minute = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

export const count = (value) => whole.format(value);
export const compact = (value) => (value < 10_000 ? whole.format(value) : short.format(value));
export const decimal = (value) => one.format(value);
export const timeOf = (seconds) => moment.format(new Date(seconds * 1000));
export const minuteOf = (seconds) => minute.format(new Date(seconds * 1000));
export const clockOf = (seconds) => clock.format(new Date(seconds * 1000));
export const dayOf = (seconds) => day.format(new Date(seconds * 1000));

/** Money: the currency is whatever the recipes' prices are in. */
export function money(value) {
  if (value === null || value === undefined) return "–";
  const digits = value !== 0 && Math.abs(value) < 1 ? 4 : 2;
  return new Intl.NumberFormat(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** A length of time in its two largest units. */
export function duration(seconds) {
  if (seconds < 10) return `${decimal(seconds)} s`;
  const units = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  const [name, size] = units[first];
  const big = Math.floor(seconds / size);
  const next = units[first + 1];
  const rest = next ? Math.floor((seconds - big * size) / next[1]) : 0;
  return rest ? `${big} ${name} ${rest} ${next[0]}` : `${big} ${name}`;
}

export function bytes(value) {
  const units = ["bytes", "KB", "MB", "GB"];
  let power = 0;
  while (value >= 1000 && power < units.length - 1) [value, power] = [value / 1000, power + 1];
  return `${power ? one.format(value) : whole.format(value)} ${units[power]}`;
}

/** "1 document", "2 documents". */
export const documents = (number) => `${count(number)} ${number === 1 ? "document" : "documents"}`;
