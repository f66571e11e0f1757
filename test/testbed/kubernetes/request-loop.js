// Asks a URL again and again, each time over a connection of its own, and counts. Runs in a pod of the tests, as the script of
// node -e: arguments are the URL and the pause in ms. Prints {"ok","failed","last","from"} every 200 ms.
const http = require('node:http');

const [url = '', pause = '10'] = process.argv.slice(1);
/** @type {{ok: number, failed: number, last: string, from: Record<string, number>}} */
const counts = { ok: 0, failed: 0, last: '', from: {} };

const ask = () => {
  const again = () => setTimeout(ask, Number(pause));
  /** @param {Error} error */
  const fail = (error) => {
    counts.failed += 1;
    counts.last = `${new Date().toISOString()} ${error.message}`;
    again();
  };
  const request = http.get(url, { agent: false, timeout: 5000 }, (response) => {
    let text = '';
    response.on('data', (chunk) => {
      text += chunk;
    });
    response.on('error', fail);
    response.on('end', () => {
      counts.ok += 1;
      counts.from[text] = (counts.from[text] ?? 0) + 1;
      again();
    });
  });
  request.on('timeout', () => request.destroy(new Error('no answer within 5 s')));
  request.on('error', fail);
};
setInterval(() => console.log(JSON.stringify(counts)), 200);
ask();
