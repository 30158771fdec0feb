-- For wrk: wrk … -s token.lua URL -- BODY [statuses]: posts BODY over and over and prints one line of "name=value",
-- as fcgi_load does. "############" in BODY is another number in each request. "statuses" counts 401 and 503, which
-- costs wrk some speed. wrk … -s token.lua URL -- bearer TOKEN: gets URL with the token.

local threads = {}

function setup(thread)
    thread:set("number", #threads * 100000000 + os.time() % 1000000 * 100)
    table.insert(threads, thread)
end

function init(arguments)
    local body = arguments[1]
    if body == "bearer" then
        wrk.headers["Authorization"] = "Bearer " .. arguments[2]
        return
    end
    local before, after = body:match("^(.-)############(.*)$")
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
    wrk.body = body
    if before then
        request = function()
            number = number + 1
            return wrk.format(nil, nil, nil, string.format("%s%012d%s", before, number, after))
        end
    end
    if arguments[2] == "statuses" then
        refused, deferred = 0, 0
        response = function(status)
            if status == 401 then refused = refused + 1 end
            if status == 503 then deferred = deferred + 1 end
        end
    end
end

function done(summary, latency)
    local refused, deferred = 0, 0
    for _, thread in ipairs(threads) do
        refused = refused + (thread:get("refused") or 0)
        deferred = deferred + (thread:get("deferred") or 0)
    end
    local errors = summary.errors
    print(string.format(
        "requests=%d rate=%.2f p50_us=%.0f p99_us=%.0f max_us=%.0f errors=%d status_401=%d status_503=%d",
        summary.requests, summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99),
        latency.max, errors.connect + errors.read + errors.write + errors.timeout + errors.status, refused, deferred))
end
