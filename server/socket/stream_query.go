package socket

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waystation/waystation/rpc"
)

// streamParams are the query of a stream: one filter, and the start position. Lists may be repeated or comma
// separated.
type streamParams struct {
	Sessions        []string `json:"sessions" rpc:"max=200,each.min=1,each.max=256" doc:"session ids, or * for all; absent = all"`
	Types           []string `json:"types" rpc:"max=200,each.min=1,each.max=64" doc:"event types; absent = all"`
	Chats           []string `json:"chats" rpc:"max=500,format=jid" doc:"chat JIDs; absent = all"`
	ExcludeTypes    []string `json:"exclude_types" rpc:"max=200,each.min=1,each.max=64" doc:"event types left out"`
	IncludeVolatile bool     `json:"include_volatile" doc:"also send signals such as typing"`
	From            string   `json:"from" rpc:"enum=head|oldest" doc:"where to begin without an id; default head"`
	LastEventID     string   `json:"last_event_id" rpc:"max=16384" doc:"id of the last message that was dealt with; the header Last-Event-ID goes before"`
}

// streamStart is the parsed request for a stream.
type streamStart struct {
	filter Filter
	resume map[string]position
	from   string
}

// queryLists are the list parameters, queryFlags the boolean ones.
var (
	queryLists = map[string]bool{"sessions": true, "types": true, "chats": true, "exclude_types": true}
	queryFlags = map[string]bool{"include_volatile": true}
)

// parseStream parses a request for a stream. A session that the given id does not cover has appeared since, or was
// filtered out until now: it begins at its oldest event, so that no event is missed.
func (e *Endpoint) parseStream(r *http.Request) (*streamStart, *rpc.Error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, rpc.InvalidParams("", "the query cannot be read")
	}
	p, problem := parseStreamQuery(query)
	if problem != nil {
		return nil, problem
	}
	start := &streamStart{from: p.From, filter: Filter{
		Sessions: p.Sessions, Types: p.Types, Chats: p.Chats, ExcludeTypes: p.ExcludeTypes, IncludeVolatile: p.IncludeVolatile,
	}}
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = p.LastEventID
	}
	if id != "" {
		if start.resume, problem = parseStreamID(id, e.cfg.StreamKey); problem != nil {
			return nil, problem
		}
		start.from = "oldest"
	}
	return start, nil
}

// parseStreamQuery validates a query like the params of a call.
func parseStreamQuery(query url.Values) (*streamParams, *rpc.Error) {
	params := make(map[string]any, len(query))
	for name, values := range query {
		if !utf8.ValidString(name + strings.Join(values, "")) {
			return nil, rpc.InvalidParams("/"+clipName(name), "is not UTF-8")
		}
		switch {
		case name == ticketParam:
		case queryLists[name]:
			params[name] = splitValues(values)
		case len(values) > 1:
			return nil, rpc.InvalidParams("/"+clipName(name), "given twice")
		case queryFlags[name]:
			flag, err := strconv.ParseBool(values[0])
			if err != nil {
				return nil, rpc.InvalidParams("/"+name, "must be true or false")
			}
			params[name] = flag
		default:
			params[name] = values[0]
		}
	}
	raw, err := json.Marshal(params)
	if err != nil {
		return nil, rpc.InvalidParams("", "the query cannot be read")
	}
	p, problem := rpc.Decode[streamParams](raw)
	if problem != nil {
		return nil, problem
	}
	if bad := checkChats(p.Chats, "/chats/"); len(bad) > 0 {
		return nil, rpc.InvalidFields(bad)
	}
	return p, nil
}

// clipName shortens an unknown name for the error text.
func clipName(name string) string {
	const longest = 64 // bytes
	return strings.ToValidUTF8(name[:min(len(name), longest)], "")
}

func splitValues(values []string) []string {
	var list []string
	for _, v := range values {
		list = append(list, strings.Split(v, ",")...)
	}
	return list
}
