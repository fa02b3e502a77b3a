-- wrk's side: the bodies of these files in turn; the figures as one line of JSON.
-- Arguments: the headers, a line each, then the files.
local requests, turn = {}, 0

function init(arguments)
  local headers = {}
  for name, value in arguments[1]:gmatch("([^:\n]+): ([^\n]+)") do
    headers[name] = value
  end
  for i = 2, #arguments do
    local file = assert(io.open(arguments[i], "rb"))
    requests[#requests + 1] = wrk.format("POST", nil, headers, file:read("*a"))
    file:close()
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, "worst": %.6f, ' ..
      '"errors": %d, "refused": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6,
    latency:percentile(99) / 1e6, latency.max / 1e6, lost + errors.status, errors.status))
end
