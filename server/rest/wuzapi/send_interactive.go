package wuzapi

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/waystation/waystation/server/rest"
)

func interactiveRoutes() []rest.Route {
	text := []rest.Option{rest.NeedsBody(), rest.FailText(sendFailed)}
	with := func(more ...rest.Option) []rest.Option { return append(text[:len(text):len(text)], more...) }
	return []rest.Route{
		rest.Pass[buttonsRequest, sent]("POST", "/chat/send/buttons", "message.sendButtons", text...),
		rest.Pass[listRequest, sent]("POST", "/chat/send/list", "message.sendList", text...),
		rest.Pass[pollRequest, sentSaying]("POST", "/chat/send/poll", "message.sendPoll", with(rest.Says("Poll sent successfully"), rest.With(rest.Params{"selectable_count": 1}))...),
		rest.Pass[editRequest, sentSaying]("POST", "/chat/send/edit", "message.edit", with(rest.Says("Sent"))...),
		rest.Pass[deleteRequest, sentSaying]("POST", "/chat/delete", "message.delete", with(rest.Says("Deleted"), rest.With(rest.Params{"for_everyone": true, "from_me": true}))...),
	}
}

// sentSaying is the answer of sends with a text of their own.
type sentSaying struct {
	Details   string    `from:"="`
	ID        string    `json:"Id" from:"/message_id"`
	Timestamp time.Time `from:"/timestamp"`
}

// buttonsRequest has its text in Body, or in Title alone.
type buttonsRequest struct {
	address
	Title   string        `rest:",param=/title" doc:"line above; the text if Body is missing"`
	Body    string        `rest:",param=/text" doc:"the text"`
	Footer  string        `rest:",param=/footer" doc:"line below"`
	Buttons []replyButton `rest:",required,param=/buttons" doc:"at least one"`
}

// CompleteParams implements rest.Completer.
func (in *buttonsRequest) CompleteParams(p rest.Params) error {
	if in.Body == "" {
		if in.Title == "" {
			return rest.Missing("Title", "")
		}
		p["text"] = in.Title
		delete(p, "title")
	}
	return nil
}

type replyButton struct {
	ID   string     `rest:"ButtonId,param=/id" doc:"comes back when it is pressed"`
	Text buttonText `rest:"ButtonText,required,param=/label" doc:"label, or an object that has it in DisplayText"`
}

// CompleteParams implements rest.Completer.
func (*replyButton) CompleteParams(p rest.Params) error {
	p["type"] = "reply"
	return nil
}

// buttonText is a label, which clients also send as an object.
type buttonText json.RawMessage

// ToParam implements rest.Converter.
func (raw buttonText) ToParam(field string) (any, error) {
	var label string
	var object struct {
		DisplayText string
		Snake       string `json:"display_text"`
	}
	if json.Unmarshal(raw, &label) != nil {
		if json.Unmarshal(raw, &object) != nil {
			return nil, rest.Bad(field, "", "must be a string, or an object with DisplayText")
		}
		label = cmp.Or(object.DisplayText, object.Snake)
	}
	if label == "" {
		return nil, rest.Missing(field, "")
	}
	return label, nil
}

type listRequest struct {
	address
	ButtonText string        `rest:",required,param=/button_text" doc:"label that opens the list"`
	Desc       string        `rest:",required,param=/text" doc:"the text"`
	TopText    string        `rest:",required,param=/title" doc:"line above"`
	FooterText string        `rest:",param=/footer" doc:"line below"`
	Sections   []listSection `rest:",param=/sections" doc:"up to 10; they or List are required"`
	List       []listRow     `doc:"rows of a list without sections"`
}

// CompleteParams implements rest.Completer: rows without a section become one.
func (in *listRequest) CompleteParams(p rest.Params) error {
	switch {
	case len(in.Sections) > 0 && len(in.List) > 0:
		return rest.Bad("List", "", "does not go with Sections")
	case len(in.Sections) > 0:
		return nil
	case len(in.List) == 0:
		return rest.Missing("Sections", "")
	}
	rows := make([]rest.Params, len(in.List))
	for i, row := range in.List {
		rows[i] = rest.Params{"title": row.Title, "description": row.Desc, "id": cmp.Or(row.RowID, row.Title)}
	}
	p["sections"] = []rest.Params{{"rows": rows}}
	return nil
}

type listSection struct {
	Title string    `rest:",param=/title" doc:"heading; needed when there are several"`
	Rows  []listRow `rest:",required,param=/rows" doc:"up to 10"`
}

type listRow struct {
	Title string `rest:",required,param=/title" doc:"name"`
	Desc  string `rest:",param=/description" doc:"line below it"`
	RowID string `rest:"RowId,param=/id" doc:"comes back when it is chosen; default its title"`
}

// CompleteParams implements rest.Completer.
func (r *listRow) CompleteParams(p rest.Params) error {
	if r.RowID == "" {
		p["id"] = r.Title
	}
	return nil
}

type pollRequest struct {
	Group   string   `rest:",required,param=/to" also:"Phone" bad:"Could not parse Group" doc:"JID of the group, or a number"`
	Header  string   `rest:",required,param=/question" doc:"the question"`
	Options []string `rest:",required,param=/options" doc:"2 to 12 answers, of which one can be chosen"`
	ID      string   `rest:"Id,param=/message_id" doc:"message id; made when missing"`
}

type messageRequest struct {
	Phone string `rest:",required,param=/chat" bad:"Could not parse Phone" doc:"number, or JID of a person or group"`
	ID    string `rest:"Id,required,param=/message_id" doc:"own message"`
}

type editRequest struct {
	messageRequest
	Body        string       `rest:",required,param=/text" doc:"the new text"`
	ContextInfo *editContext `doc:"who is mentioned in it"`
}

// editContext has the mentions of an edited message; its reply stays.
type editContext struct {
	MentionedJID []string `rest:",param=/mentions" doc:"people mentioned in the text"`
}

type deleteRequest struct{ messageRequest }
