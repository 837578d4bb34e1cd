package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// Numbers of the GraphQL queries that clients make; WhatsApp accepts only known queries and identifies them by number.
const (
	mexSetAbout              = "9152604461510864"
	mexNewsletter            = "6563316087068696"
	mexNewslettersSubscribed = "6388546374527196"
	mexNewsletterCreate      = "6234210096708695"
	mexNewsletterFollow      = "9926858900719341"
	mexNewsletterUnfollow    = "6392786840836363"
	mexNewsletterMute        = "6274038279359549"
	mexNewsletterUnmute      = "6068417879924485"
	mexNewsletterUpdate      = "7150902998257522"
	mexNewsletterFollowers   = "9800646650009898"
	mexRecommended           = "7263823273662354"
	mexDirectory             = "6190824427689257"
	mexNewsletterDehydrated  = "7272540469429201"

	mexNewsletterFollowOrSubscribedDesktop = "8621797084555037"
)

// mexDesktopQueries are the numbers that desktop clients use for the same queries (whatsmeow, newsletter.go).
var mexDesktopQueries = map[string]string{
	"9779843322044422":  mexNewsletter,
	"27256776790637714": mexRecommended,
	"25403502652570342": mexNewsletterFollowers,
	"5971669009605755":  mexNewsletterMute,
	"6104029483058502":  mexNewsletterUnmute,
	"7839742399440946":  mexNewsletterUpdate,
	"27527996220149684": mexNewsletterCreate,
	"8782612271820087":  mexNewsletterUnfollow,
}

// mexHandler answers one query: variables in, the content of "data" out. It runs under Network.mu.
type mexHandler func(r *request, variables json.RawMessage) (any, error)

// mexError is a refusal inside a GraphQL answer.
type mexError struct {
	code int
	text string
}

func (e *mexError) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

func mexFail(code int) error { return &mexError{code, iqTexts[code]} }

// graphQL is the response to a query.
type graphQL struct {
	Data   any            `json:"data"`
	Errors []graphQLError `json:"errors,omitempty"`
}

type graphQLError struct {
	Message    string           `json:"message"`
	Path       []string         `json:"path"`
	Extensions graphQLExtension `json:"extensions"`
}

type graphQLExtension struct {
	ErrorCode   int    `json:"error_code"`
	IsRetryable bool   `json:"is_retryable"`
	Severity    string `json:"severity"`
}

// registerMex registers the GraphQL endpoint.
func (n *Network) registerMex(tables ...map[string]mexHandler) {
	handlers := map[string]mexHandler{mexSetAbout: n.mexSetAbout}
	for _, table := range tables {
		for id, handler := range table {
			handlers[id] = handler
		}
	}
	n.addIQ(iqRoutes{"w:mex/get/query": func(r *request) ([]waBinary.Node, error) { return n.answerMex(r, handlers) }})
}

func (n *Network) answerMex(r *request, handlers map[string]mexHandler) ([]waBinary.Node, error) {
	id := text(r.child(), "query_id")
	var query struct {
		Variables json.RawMessage `json:"variables"`
	}
	if json.Unmarshal(content(r.child()), &query) != nil {
		return nil, iqFail(400)
	}
	handler := handlers[id]
	if handler == nil {
		n.records.recordUnknown("w:mex/get/query/"+id, r)
		return nil, iqFail(501)
	}
	data, err := handler(r, query.Variables)
	answer := graphQL{Data: data}
	if err != nil {
		var refusal *mexError
		if !errors.As(err, &refusal) {
			return nil, err
		}
		answer = graphQL{Errors: []graphQLError{{Message: refusal.text, Extensions: graphQLExtension{ErrorCode: refusal.code, Severity: "CRITICAL"}}}}
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("mex answer: %w", err)
	}
	return []waBinary.Node{leaf("result", raw)}, nil
}

// mexSetAbout changes the requester's about: a text, an emoji or both, with or without a duration.
func (n *Network) mexSetAbout(r *request, variables json.RawMessage) (any, error) {
	var v struct {
		Input struct {
			Text  *string `json:"text"`
			Emoji *struct {
				Content string `json:"content"`
			} `json:"emoji"`
			Seconds int64 `json:"ephemeral_duration_sec"`
		} `json:"input"`
	}
	if json.Unmarshal(variables, &v) != nil || v.Input.Text == nil && v.Input.Emoji == nil || v.Input.Seconds < 0 {
		return nil, mexFail(400)
	}
	about := About{Duration: time.Duration(v.Input.Seconds) * time.Second}
	if v.Input.Text != nil {
		about.Text = *v.Input.Text
	}
	if v.Input.Emoji != nil {
		about.Emoji = v.Input.Emoji.Content
	}
	if !n.setAbout(r.device.account, about) {
		return nil, mexFail(406)
	}
	return map[string]any{"xwa2_update_text_status": map[string]any{"result": "SUCCESS"}}, nil
}
