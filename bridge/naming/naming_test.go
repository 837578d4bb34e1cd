package naming

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/people"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
)

var (
	ada, adaLID, bob = conntest.Ada.String(), conntest.AdaLID.String(), conntest.Bob.String()
	carolLID         = "100000000000004@lid"
	group            = "120363000000000001@g.us"
)

// rewriter has the stores that names come from.
type rewriter struct {
	t    *testing.T
	conn *conntest.Conn
	keys *people.Keys
}

func newRewriter(t *testing.T) *rewriter {
	t.Helper()
	c := conntest.NewConn(t)
	db, err := database.Migrate(t.Context(), c.DB, "bridge", os.DirFS("../migrations"))
	if err != nil {
		t.Fatal(err)
	}
	return &rewriter{t, c, people.NewKeys(db)}
}

// rewrite names the chats and people in v and returns v as JSON.
func (r *rewriter) rewrite(v any) string {
	r.t.Helper()
	names := New(r.t.Context(), r.conn.Keys.LIDs, nil)
	if err := names.Apply(v); err != nil {
		r.t.Fatal(err)
	}
	if _, err := names.FillKeys(r.keys, conntest.Owner); err != nil {
		r.t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(out)
}

type member struct {
	Contact string `json:"contact"`
	wa.PersonNames
}

type chatObject struct {
	Chat string `json:"chat"`
	wa.ChatNames
	Sender string `json:"sender"`
	wa.PersonNames
	Mentions []string  `json:"mentions,omitempty"`
	Inviter  *string   `json:"inviter,omitempty"`
	Members  []member  `json:"members,omitempty"`
	Quoted   *member   `json:"quoted,omitempty"`
	Text     string    `json:"text,omitempty"`
	At       time.Time `json:"-"`
}

// TestStructsAreNamed checks the addresses in structs: of chats and people, in lists, behind pointers and nested.
func TestStructsAreNamed(t *testing.T) {
	t.Parallel()
	r := newRewriter(t)
	lid, unknown := adaLID, carolLID
	for _, c := range []struct {
		name string
		v    any
		want string
	}{
		{
			"both by LID", &chatObject{Chat: adaLID, Sender: adaLID},
			`{"chat":"` + ada + `","chat_pn":"` + ada + `","chat_lid":"` + adaLID + `","chat_key":"` + adaLID + `","sender":"` + ada + `","pn":"` + ada + `","lid":"` + adaLID + `","contact_key":"` + adaLID + `"}`,
		},
		{
			"unknown number", &chatObject{Chat: carolLID, Sender: carolLID},
			`{"chat":"` + carolLID + `","chat_pn":null,"chat_lid":"` + carolLID + `","chat_key":"` + carolLID + `","sender":"` + carolLID + `","pn":null,"lid":"` + carolLID + `","contact_key":"` + carolLID + `"}`,
		},
		{
			"group with a device of the sender", &chatObject{Chat: group, Sender: "15550000003:4@s.whatsapp.net"},
			`{"chat":"` + group + `","chat_pn":null,"chat_lid":null,"chat_key":"` + group + `","sender":"` + bob + `","pn":"` + bob + `","lid":null,"contact_key":"` + bob + `"}`,
		},
		{
			"lists and pointers", &chatObject{Chat: group, Mentions: []string{adaLID, "all", carolLID}, Inviter: &lid, Text: adaLID},
			`{"chat":"` + group + `","chat_pn":null,"chat_lid":null,"chat_key":"` + group + `","sender":"","pn":null,"lid":null,"contact_key":null,"mentions":["` + ada + `","all","` + carolLID + `"],"inviter":"` + ada + `","text":"` + adaLID + `"}`,
		},
		{
			"nested", &[]chatObject{{Chat: group, Members: []member{{Contact: adaLID}}, Quoted: &member{Contact: bob}}},
			`[{"chat":"` + group + `","chat_pn":null,"chat_lid":null,"chat_key":"` + group + `","sender":"","pn":null,"lid":null,"contact_key":null,` +
				`"members":[{"contact":"` + ada + `","pn":"` + ada + `","lid":"` + adaLID + `","contact_key":"` + adaLID + `"}],` +
				`"quoted":{"contact":"` + bob + `","pn":"` + bob + `","lid":null,"contact_key":"` + bob + `"}}]`,
		},
		{
			"person by LID alone", &member{PersonNames: wa.PersonNames{LID: &unknown}},
			`{"contact":"","pn":null,"lid":"` + carolLID + `","contact_key":"` + carolLID + `"}`,
		},
		{"nothing", (*chatObject)(nil), `null`},
		{"no address", &member{Contact: "somebody@s.whatsapp.net@x"}, `{"contact":"somebody@s.whatsapp.net@x","pn":null,"lid":null,"contact_key":null}`},
	} {
		if got := r.rewrite(c.v); got != c.want {
			t.Errorf("%s:\n%s\n%s", c.name, got, c.want)
		}
	}
	if lid != adaLID {
		t.Error("a text that other values share was changed")
	}
}

// TestObjectsAreNamed checks the addresses in maps, which get the missing members.
func TestObjectsAreNamed(t *testing.T) {
	t.Parallel()
	r := newRewriter(t)
	lid := adaLID
	for _, c := range []struct {
		name   string
		object Fields
		want   string
	}{
		{
			"chat and sender",
			Fields{"chat": adaLID, "sender": bob},
			`{"chat":"` + ada + `","chat_key":"` + adaLID + `","chat_lid":"` + adaLID + `","chat_pn":"` + ada + `","contact_key":"` + bob + `","lid":null,"pn":"` + bob + `","sender":"` + bob + `"}`,
		},
		{"sender that is no person", Fields{"sender": group}, `{"contact_key":null,"sender":"` + group + `"}`},
		{
			"the sender goes before the caller",
			Fields{"caller": bob, "sender": &lid},
			`{"caller":"` + bob + `","contact_key":"` + adaLID + `","lid":"` + adaLID + `","pn":"` + ada + `","sender":"` + ada + `"}`,
		},
		{"list of people", Fields{"mentions": []string{adaLID, bob}}, `{"mentions":["` + ada + `","` + bob + `"]}`},
		{"nested struct", Fields{"person": member{Contact: adaLID}}, `{"person":{"contact":"` + ada + `","pn":"` + ada + `","lid":"` + adaLID + `","contact_key":"` + adaLID + `"}}`},
		{
			"nested map",
			Fields{"inner": map[string]any{"contact": adaLID}},
			`{"inner":{"contact":"` + ada + `","contact_key":"` + adaLID + `","lid":"` + adaLID + `","pn":"` + ada + `"}}`,
		},
		{"list of maps", Fields{"changes": []Fields{{"contact": bob}}}, `{"changes":[{"contact":"` + bob + `","contact_key":"` + bob + `","lid":null,"pn":"` + bob + `"}]}`},
		{"other members", Fields{"text": adaLID, "count": 3, "list": []int{1}, "none": nil}, `{"count":3,"list":[1],"none":null,"text":"` + adaLID + `"}`},
		{"newsletter", Fields{"chat": "1@newsletter"}, `{"chat":"1@newsletter","chat_key":"1@newsletter","chat_lid":null,"chat_pn":null}`},
	} {
		if got := r.rewrite(c.object); got != c.want {
			t.Errorf("%s:\n%s\n%s", c.name, got, c.want)
		}
	}
}

// TestPairsInTheEvent checks that a pair in the event itself needs no lookup, and that names work without one.
func TestPairsInTheEvent(t *testing.T) {
	t.Parallel()
	carol := wa.Person{PN: types.NewJID("15550000004", types.DefaultUserServer), LID: types.NewJID("100000000000004", types.HiddenUserServer)}
	data := &member{Contact: carolLID}
	if err := New(t.Context(), nil, map[types.JID]wa.Person{carol.LID: carol}).Apply(data); err != nil || data.Contact != carol.PN.String() || *data.LID != carolLID {
		t.Errorf("%+v, %v", data, err)
	}
	alone := &member{Contact: adaLID}
	if err := New(t.Context(), nil, nil).Apply(alone); err != nil || alone.Contact != adaLID || alone.PN != nil {
		t.Errorf("without lookup: %+v, %v", alone, err)
	}
}

// TestMergedKeys checks that the keys of two addresses of one person become one, and that the merge is returned once.
func TestMergedKeys(t *testing.T) {
	t.Parallel()
	r := newRewriter(t)
	carol := wa.Person{PN: types.NewJID("15550000004", types.DefaultUserServer), LID: types.NewJID("100000000000004", types.HiddenUserServer)}
	r.rewrite(&member{Contact: carol.LID.String()})
	r.rewrite(&member{Contact: carol.PN.String()})
	if err := r.conn.Keys.LIDs.PutLIDMapping(t.Context(), carol.LID, carol.PN); err != nil {
		t.Fatal(err)
	}
	var merges [][]people.Join
	for range 2 {
		data := &member{Contact: carol.LID.String()}
		names := New(t.Context(), r.conn.Keys.LIDs, nil)
		if err := names.Apply(data); err != nil {
			t.Fatal(err)
		}
		joined, err := names.FillKeys(r.keys, conntest.Owner)
		if err != nil || data.ContactKey == nil {
			t.Fatalf("%+v, %v", data, err)
		}
		merges = append(merges, joined)
	}
	if len(merges[0]) != 1 || merges[0][0].Person != carol || len(merges[1]) != 0 {
		t.Errorf("merges: %+v", merges)
	}
	if joined, err := New(t.Context(), nil, nil).FillKeys(r.keys, conntest.Owner); err != nil || joined != nil {
		t.Errorf("without people: %v, %v", joined, err)
	}
}

// TestTypesWithAddresses checks which types are searched for addresses.
func TestTypesWithAddresses(t *testing.T) {
	t.Parallel()
	type leaf struct {
		Text string `json:"text"`
	}
	type tree struct {
		Children []*tree `json:"children"`
		Contact  string  `json:"contact"`
	}
	type list struct {
		Next *list  `json:"next"`
		Text string `json:"text"`
	}
	type skipped struct {
		Contact string `json:"-"`
	}
	var held []string
	for _, v := range []any{leaf{}, &chatObject{}, []member{}, [2]member{}, map[string]any{}, map[string]string{}, tree{}, list{}, skipped{}, 7, "text", struct{ V any }{}} {
		for range 2 { // from the cache, too
			if HoldsAddresses(reflect.TypeOf(v)) && !slices.Contains(held, reflect.TypeOf(v).String()) {
				held = append(held, reflect.TypeOf(v).String())
			}
		}
	}
	want := []string{"*naming.chatObject", "[]naming.member", "[2]naming.member", "map[string]interface {}", "naming.tree", "struct { V interface {} }"}
	if !slices.Equal(held, want) {
		t.Errorf("held %q, want %q", held, want)
	}
	r := newRewriter(t)
	got := r.rewrite(&tree{Contact: bob, Children: []*tree{{Contact: adaLID}, nil}})
	if got != `{"children":[{"children":null,"contact":"`+ada+`"},null],"contact":"`+bob+`"}` {
		t.Errorf("a recursive type: %s", got)
	}
}
