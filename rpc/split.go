package rpc

import (
	"errors"
	"sync"
	"sync/atomic"
)

// item is one request of a frame.
type item struct {
	num    uint64 // number under which jsonrpc2 knows the request
	id     []byte // id as the peer wrote it; nil for a notification
	method string
	params []byte
	batch  *batch    // nil when the request came alone
	slot   int       // its place in the batch
	frame  *frameUse // the frame it came in; nil = it is not counted
	shared bool      // the result is the same for all callers; see Method.SharedResult
}

// frameUse counts the requests of a large frame that have not ended.
type frameUse struct {
	size int
	left atomic.Int32
}

// batch gathers the replies to the requests of one frame.
type batch struct {
	estimate  int           // bytes of the replies, as far as can be said before
	reserving chan struct{} // held by the call that reserves room for all
	asked     bool          // room was reserved; of the call that holds reserving

	mu      sync.Mutex
	replies [][]byte // nil for notifications
	left    int      // replies that are still to come
	size    int      // bytes of the replies so far
	claimed int      // bytes of the replies that have been or are being encoded, as estimated
	counted int      // bytes that the connection counts for the replies
}

var nullID = []byte("null")

// frame is what became of one frame: requests to run, and errors to answer at once.
type frame struct {
	items []*item
	batch *batch
	bad   []badItem
}

// badItem is a request that is none.
type badItem struct {
	id      []byte
	slot    int
	problem *Error
}

// splitFrame takes a frame apart. A frame that cannot be taken apart gives one bad item with id null.
func splitFrame(b []byte, maxDepth, maxBatch int) frame {
	if err := checkJSON(b, maxDepth); err != nil {
		problem := ParseError(err.Error())
		if errors.Is(err, errTooDeep) {
			problem = &Error{Code: CodeTooLarge, Message: "nested too deeply", Details: map[string]any{"limit_depth": maxDepth}}
		}
		return refuse(problem)
	}
	if b[skipSpace(b, 0)] != '[' {
		it, problem := splitRequest(b)
		if problem != nil {
			return frame{bad: []badItem{{id: it.id, problem: problem}}}
		}
		return frame{items: []*item{it}}
	}
	n := 0
	eachElement(b, func(int, []byte) bool { n++; return true })
	switch {
	case n == 0:
		return refuse(InvalidRequest("empty batch"))
	case n > maxBatch:
		return refuse(InvalidRequest("batch too long").With(map[string]any{"limit": maxBatch}))
	}
	f := frame{batch: &batch{replies: make([][]byte, n), reserving: make(chan struct{}, 1)}}
	eachElement(b, func(slot int, raw []byte) bool {
		it, problem := splitRequest(raw)
		if problem != nil {
			f.batch.left++
			f.bad = append(f.bad, badItem{id: it.id, slot: slot, problem: problem})
			return true
		}
		if it.id != nil {
			f.batch.left++
		}
		it.batch, it.slot = f.batch, slot
		f.items = append(f.items, it)
		return true
	})
	return f
}

func refuse(problem *Error) frame {
	return frame{bad: []badItem{{id: nullID, problem: problem}}}
}

// splitRequest reads the members of a request. With a problem, the item has the id to answer to.
func splitRequest(b []byte) (*item, *Error) {
	it := &item{}
	if b[skipSpace(b, 0)] != '{' {
		it.id = nullID
		return it, InvalidRequest("must be an object")
	}
	var version, method []byte
	twice, badID := false, false
	set := func(to *[]byte, value []byte) {
		twice = twice || *to != nil
		*to = value
	}
	eachMember(b, func(name string, value []byte) bool {
		switch name {
		case "jsonrpc":
			set(&version, value)
		case "method":
			set(&method, value)
		case "params":
			set(&it.params, value)
		case "id":
			set(&it.id, value)
			badID = len(value) > maxID || value[0] == '{' || value[0] == '[' || value[0] == 't' || value[0] == 'f'
		}
		return true
	})
	problem := ""
	switch {
	case badID:
		problem = "id must be a short string, a number or null"
	case twice:
		problem = "a member is given twice"
	case string(version) != `"2.0"`:
		problem = `jsonrpc must be "2.0"`
	case len(method) == 0 || method[0] != '"':
		problem = "method must be a string"
	case it.params != nil && it.params[0] != '{' && it.params[0] != '[':
		problem = "params must be an object or an array"
	}
	if problem != "" {
		if it.id == nil || badID || twice {
			it.id = nullID
		}
		return it, InvalidRequest(problem)
	}
	it.method = unquote(method)
	return it, nil
}
