package message

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

// Bounds of lists, in characters where they are about text.
const (
	maxListButton      = 20
	maxListTitle       = 24 // of a section or row
	maxListDescription = 72
	maxRowID           = 200
	maxSections        = 10
	maxRows            = 10 // of a section
)

// ListSection is a part of a list to choose from.
type ListSection struct {
	Title string    `json:"title" rpc:"max=24" doc:"heading; needed when there are several sections"`
	Rows  []ListRow `json:"rows" rpc:"required,min=1,max=10" doc:"what can be chosen"`
}

// ListRow is one choice of a list.
type ListRow struct {
	ID          string `json:"id" rpc:"max=200" doc:"comes back when it is chosen; default: its number, counted over all sections"`
	Title       string `json:"title" rpc:"required,min=1,max=24" doc:"what it is"`
	Description string `json:"description" rpc:"max=72" doc:"line below it"`
}

// selectParams are the parameters of the button that opens a list.
type selectParams struct {
	Title    string          `json:"title"`
	Sections []selectSection `json:"sections"`
}

type selectSection struct {
	Title string      `json:"title"`
	Rows  []selectRow `json:"rows"`
}

type selectRow struct {
	Header      string `json:"header"`
	Title       string `json:"title"`
	Description string `json:"description"`
	ID          string `json:"id"`
}

func (b *Builder) list(ctx context.Context) (*waE2E.Message, error) {
	if err := b.checkLines(); err != nil {
		return nil, err
	}
	if strings.TrimSpace(b.Content.Text) == "" {
		return nil, wa.BadParam("text", "is empty")
	}
	sections, err := b.sections()
	if err != nil {
		return nil, err
	}
	if b.Content.AsText {
		return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String(b.listText(sections))}}, nil
	}
	if err := b.checkInteractive(); err != nil {
		return nil, err
	}
	if strings.TrimSpace(b.Content.ButtonText) == "" {
		return nil, wa.BadParam("button_text", "is missing")
	}
	if err := checkLength("button_text", b.Content.ButtonText, maxListButton); err != nil {
		return nil, err
	}
	params, err := json.Marshal(&selectParams{b.Content.ButtonText, sections})
	if err != nil {
		return nil, err
	}
	header, err := b.header(ctx, &FlowHeader{Title: b.Content.Title})
	if err != nil {
		return nil, err
	}
	return flowMessage(header, b.Content.Text, b.Content.Footer, &waE2E.InteractiveMessage_NativeFlowMessage{
		Buttons:        []*flowButton{{Name: proto.String(flowSelect), ButtonParamsJSON: proto.String(string(params))}},
		MessageVersion: proto.Int32(flowVersion),
	}), nil
}

// sections checks the choices and numbers the ones without an id.
func (b *Builder) sections() ([]selectSection, error) {
	if len(b.Content.Sections) == 0 || len(b.Content.Sections) > maxSections {
		return nil, wa.BadParam("sections", "needs 1 to %d sections", maxSections)
	}
	out := make([]selectSection, len(b.Content.Sections))
	ids, number := map[string]bool{}, 0
	for i, section := range b.Content.Sections {
		field := "sections/" + strconv.Itoa(i)
		if section.Title == "" && len(b.Content.Sections) > 1 && !b.Content.AsText {
			return nil, wa.BadParam(field+"/title", "is needed when there are several sections")
		}
		if err := checkLength(field+"/title", section.Title, maxListTitle); err != nil {
			return nil, err
		}
		if len(section.Rows) == 0 || len(section.Rows) > maxRows {
			return nil, wa.BadParam(field+"/rows", "needs 1 to %d rows", maxRows)
		}
		out[i].Title = section.Title
		for j, row := range section.Rows {
			number++
			if row.ID == "" {
				row.ID = strconv.Itoa(number)
			}
			at := field + "/rows/" + strconv.Itoa(j)
			if err := row.check(at); err != nil {
				return nil, err
			}
			if ids[row.ID] {
				return nil, wa.BadParam(at+"/id", "is there twice")
			}
			ids[row.ID] = true
			out[i].Rows = append(out[i].Rows, selectRow{Title: row.Title, Description: row.Description, ID: row.ID})
		}
	}
	return out, nil
}

func (r *ListRow) check(field string) error {
	if strings.TrimSpace(r.Title) == "" {
		return wa.BadParam(field+"/title", "is missing")
	}
	for _, part := range []struct {
		name, text string
		max        int
	}{{"id", r.ID, maxRowID}, {"title", r.Title, maxListTitle}, {"description", r.Description, maxListDescription}} {
		if err := checkLength(field+"/"+part.name, part.text, part.max); err != nil {
			return err
		}
	}
	return nil
}

// listText is a list for clients that show none: a heading and numbered lines.
func (b *Builder) listText(sections []selectSection) string {
	var text strings.Builder
	if b.Content.Title != "" {
		fmt.Fprintf(&text, "*%s*\n\n", b.Content.Title)
	}
	text.WriteString(b.Content.Text)
	number := 0
	for _, section := range sections {
		text.WriteString("\n")
		if section.Title != "" {
			fmt.Fprintf(&text, "\n*%s*", section.Title)
		}
		for _, row := range section.Rows {
			number++
			fmt.Fprintf(&text, "\n%d. %s", number, row.Title)
			if row.Description != "" {
				text.WriteString(" - " + row.Description)
			}
		}
	}
	if b.Content.Footer != "" {
		fmt.Fprintf(&text, "\n\n_%s_", b.Content.Footer)
	}
	return text.String()
}
