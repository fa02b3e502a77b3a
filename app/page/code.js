// The request that was sent, as curl, Python and JavaScript to copy.

import { h, put, button } from './dom.js';
import { apiKey } from './core.js';

const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
const literal = (text) => JSON.stringify(text);

const WRITERS = {
  curl(url, { body, type, name }, key) {
    const data = name ? `--data-binary @${quoted(name)}` : `--data-binary ${quoted(body.replace(/^@/, ' @'))}`;
    return `curl ${data} -H 'Content-Type: ${type}' \\\n${key ? '  -H "X-API-Key: $THALAMUS_KEY" \\\n' : ''}  ${quoted(url)}`;
  },
  Python(url, { body, type, name }, key) {
    const content = name ? `open(${literal(name)}, "rb").read()` : `${literal(body)}.encode()`;
    return `${key ? 'import os\n' : ''}import httpx\n\nanswer = httpx.post(\n    ${literal(url)},\n    content=${content},\n    headers={"Content-Type": ${literal(type)}${key ? ', "X-API-Key": os.environ["THALAMUS_KEY"]' : ''}},\n)\nanswer.raise_for_status()\nprint(answer.json())`;
  },
  JavaScript(url, { body, type, name }, key) {
    const content = name ? `await readFile(${literal(name)})` : literal(body);
    return `${name ? 'import { readFile } from "node:fs/promises";\n\n' : ''}const answer = await fetch(${literal(url)}, {\n  method: "POST",\n  body: ${content},\n  headers: { "Content-Type": ${literal(type)}${key ? ', "X-API-Key": process.env.THALAMUS_KEY' : ''} },\n});\nconsole.log(await answer.json());`;
  },
};

export function code({ path, payload }) {
  const pre = h('pre', { tabIndex: 0, ariaLabel: 'Request' });
  const copy = button('Copy', async () => {
    await navigator.clipboard.writeText(pre.textContent);
    copy.textContent = 'Copied';
    setTimeout(() => { copy.textContent = 'Copy'; }, 1500);
  });
  const choices = Object.entries(WRITERS).map(([name, write]) => button(name, () => choose(name, write)));
  function choose(name, write) {
    put(pre, write(new URL(path, document.baseURI).href, payload, apiKey()));
    choices.forEach((each) => { each.ariaPressed = each.textContent === name; });
  }
  choose('curl', WRITERS.curl);
  return [h('p.row', choices, navigator.clipboard && copy), pre];
}
