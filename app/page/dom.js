// Elements, and numbers as people write them. Nothing here takes markup: texts stay texts.

const SVG = 'http://www.w3.org/2000/svg';

/** Return an HTML element: `p.note` has the class note. `on…` are listeners, `style` is an object. */
export const h = (tag, ...given) => filled((name) => document.createElement(name), tag, given);

/** Return an SVG element. */
export const s = (tag, ...given) => filled((name) => document.createElementNS(SVG, name), tag, given);

function filled(make, tag, given) {
  const [name, ...classes] = tag.split('.');
  const node = make(name);
  const plain = given[0]?.constructor === Object;
  for (const [key, value] of Object.entries(plain ? given[0] : {})) {
    if (value === undefined || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'style') for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
    else if (key in node && node.namespaceURI !== SVG) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.classList.add(...classes);
  node.append(...shown(plain ? given.slice(1) : given));
  return node;
}

const shown = (children) => children.flat(2).filter((child) => child || child === 0);

/** Replace all children. */
export function put(node, ...children) {
  node.replaceChildren(...shown(children));
  return node;
}

export const button = (text, onclick, kind = 'plain', more = {}) => h(`button.${kind}`, { type: 'button', onclick, ...more }, text);

/** Return a button that opens a choice of files. */
export function chooser(text, accept, take, kind) {
  const onchange = () => { if (input.files[0]) take(input.files[0]); input.value = ''; };
  const input = h('input.hidden', { type: 'file', accept, tabIndex: -1, ariaLabel: text, onchange });
  return h('span', button(text, () => input.click(), kind), input);
}

/** Give the files dropped on, and pasted while, a view is shown. */
export function receive(zone, kind, take, signal) {
  const over = (on) => (event) => { event.preventDefault(); zone.classList.toggle('over', on); };
  const use = (list) => {
    const file = [...(list || [])].find(({ type }) => type.startsWith(kind) || !type);
    if (file) take(file);
  };
  zone.addEventListener('dragover', over(true));
  zone.addEventListener('dragleave', over(false));
  zone.addEventListener('drop', (event) => { over(false)(event); use(event.dataTransfer.files); });
  document.addEventListener('paste', (event) => use(event.clipboardData?.files), { signal });
}

/** Return a small canvas whose pixels are `colour(x, y)`: red, green, blue and alpha, to 255. */
export function pixels(width, height, colour) {
  const canvas = h('canvas', { width, height });
  const pen = canvas.getContext('2d');
  const image = pen.createImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set(colour(i % width, Math.floor(i / width)), 4 * i);
  pen.putImageData(image, 0, 0);
  return canvas;
}

/** Return the stream of a camera or a microphone, or say in `note` why there is none. */
export async function device(wanted, note) {
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    note.textContent = navigator.mediaDevices ? `It cannot be used: ${error.message}.` : 'Browsers allow this only for https and for this machine.';
    return null;
  }
}

/** Call `work` when nothing has happened for some milliseconds. */
export function later(work, wait) {
  let timer;
  return (...given) => { clearTimeout(timer); timer = setTimeout(work, wait, ...given); };
}

/** Write a share of 1 as per cent; neither 0 nor 100 % unless it is. */
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
