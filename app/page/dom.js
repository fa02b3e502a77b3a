// Elements, and numbers as people write them. Nothing here takes markup: texts stay texts.

const SVG = 'http://www.w3.org/2000/svg';

/** Return an HTML element. `on…` are listeners, `style` is an object, a member of the element is set, else an attribute. */
export function h(tag, given = {}, ...children) {
  return filled(document.createElement(tag), given, children);
}

/** Return an SVG element; its properties are attributes. */
export function s(tag, given = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), given, children, true);
}

function filled(node, given, children, attributes = false) {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'style') for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
    else if (!attributes && name in node) node[name] = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Replace all children. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat().filter(Boolean));
  return node;
}

export function button(text, onclick, given = {}) {
  return h('button', { type: 'button', onclick, ...given }, text);
}

/** Return a button that opens a choice of files. */
export function chooser(text, accept, take) {
  const input = h('input', { type: 'file', accept, className: 'hidden', tabIndex: -1, ariaLabel: text });
  input.addEventListener('change', () => {
    if (input.files[0]) take(input.files[0]);
    input.value = '';
  });
  return h('span', {}, button(text, () => input.click(), { className: 'main' }), input);
}

/** Give the files dropped on, and pasted while, a view is shown. */
export function receive(zone, kind, take, signal) {
  const first = (list) => [...(list || [])].find((file) => file.type.startsWith(kind) || !file.type);
  const over = (on) => (event) => { event.preventDefault(); zone.classList.toggle('over', on); };
  zone.addEventListener('dragover', over(true), { signal });
  zone.addEventListener('dragleave', over(false), { signal });
  zone.addEventListener('drop', (event) => {
    over(false)(event);
    const file = first(event.dataTransfer.files);
    if (file) take(file);
  }, { signal });
  document.addEventListener('paste', (event) => {
    const file = first(event.clipboardData?.files);
    if (file) take(file);
  }, { signal });
}

/** Call `work` when nothing has happened for some milliseconds. */
export function later(work, wait) {
  let timer;
  return (...given) => { clearTimeout(timer); timer = setTimeout(work, wait, ...given); };
}

/** Write a share of 1 as per cent, honest at both ends. */
export function percent(share) {
  if (share > 0.9995 && share < 1) return '> 99.9 %';
  if (share < 0.0005 && share > 0) return '< 0.1 %';
  return `${(100 * share).toFixed(share > 0.095 && share < 0.9895 ? 0 : 1).replace(/\.0$/, '')} %`;
}

export const round = (number, digits = 2) => number.toFixed(digits);

/** Join names as a sentence does, at most `most` of them. */
export function listed(names, most = 4) {
  const shown = names.slice(0, most);
  const rest = names.length - shown.length;
  if (rest) shown.push(`${rest.toLocaleString('en')} other${rest > 1 ? 's' : ''}`);
  return shown.length > 1 ? `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}` : shown.join();
}
