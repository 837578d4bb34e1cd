package automation

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/testkit"
	"github.com/waystation/waystation/transports/kit/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.LibraryLeaks()...) }

// session is a session without a connection, and its sender. Workers run in the calling goroutine.
type session struct {
	*Service
	t       *testing.T
	store   *Store
	sent    []*Answer
	sendErr error
	stuck   error // error of MakeSticker
	sticker string
	seconds int
	since   time.Time
	online  int
	serial  int
	worker  func()
}

func (c *session) Context() context.Context         { return context.Background() }
func (c *session) Enter() (leave func(), err error) { return func() {}, nil }
func (c *session) ConnectedSince() time.Time        { return c.since }
func (c *session) SetOnline()                       { c.online++ }
func (c *session) MessageID(answer string) string   { return "3EB0" + answer }

// Spawn keeps the worker for work.
func (c *session) Spawn(fn func()) bool {
	c.worker = fn
	return true
}

// work wakes the worker and runs it.
func (c *session) work() {
	c.Wake()
	if fn := c.worker; fn != nil {
		c.worker = nil
		fn()
	}
}

func (c *session) MakeSticker(ctx context.Context, _, messageID string, seconds int, edit func(context.Context, []byte) ([]byte, error)) (string, error) {
	c.sticker, c.seconds = messageID, seconds
	if edit != nil && c.stuck == nil {
		_, c.stuck = edit(ctx, []byte("picture"))
	}
	return "sticker of " + messageID, c.stuck
}

func (c *session) Send(_ context.Context, a *Answer) error {
	if c.sendErr != nil {
		return c.sendErr
	}
	for _, earlier := range c.sent {
		if earlier.ID == a.ID {
			return nil
		}
	}
	c.sent = append(c.sent, a)
	return nil
}

func newStore(t *testing.T) *Store {
	t.Helper()
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	sealed, err := vault.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	store, err := Open(t.Context(), db, sealed)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func newSession(t *testing.T, store *Store, owner string, cfg Config) *session {
	t.Helper()
	cfg = cfg.WithDefaults()
	c := &session{t: t, store: store}
	c.Service = NewService(c, c, owner, owner, store, &cfg, conntest.NewLog)
	return c
}

func (c *session) rule(match, keyword, text string) *Rule {
	c.t.Helper()
	rule, err := c.CreateRule(c.t.Context(), &RulePatch{Match: &match, Keyword: &keyword, Content: &message.Content{Type: "text", Text: text}})
	if err != nil {
		c.t.Fatal(err)
	}
	return rule
}

func (c *session) update(p Patch) {
	c.t.Helper()
	if _, err := c.UpdateSettings(c.t.Context(), &p); err != nil {
		c.t.Fatal(err)
	}
}

var (
	ada, bob = conntest.Ada, conntest.Bob
	team     = types.NewJID("120363000000000001", types.GroupServer)
)

// incoming returns a text from Ada in a chat, of now.
func (c *session) incoming(chat types.JID, text string) (*types.MessageInfo, *message.EventData) {
	c.serial++
	info := &types.MessageInfo{ID: "M" + strconv.Itoa(c.serial), Timestamp: time.Now()}
	info.Chat, info.Sender, info.IsGroup = chat, ada, chat == team
	data := &message.EventData{IsGroup: info.IsGroup}
	data.MessageID, data.Chat, data.ChatKey, data.Sender, data.Type, data.Text = info.ID, chat.String(), chat.String(), ada.String(), "text", &text
	return info, data
}

// receive records a message and returns what is answered.
func (c *session) receive(info *types.MessageInfo, data *message.EventData) []string {
	c.t.Helper()
	before := len(c.sent)
	if note := c.Plan(c.t.Context(), info, data); note != nil {
		if err := note(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
	c.work()
	answers := []string{}
	for _, a := range c.sent[before:] {
		text := a.Content.Text
		if a.Content.Media != nil {
			text = a.Content.Media.MediaID
		}
		answers = append(answers, text)
	}
	return answers
}

func (c *session) answers(text string, want ...string) {
	c.t.Helper()
	if got := c.receive(c.incoming(ada, text)); fmt.Sprint(got) != fmt.Sprint(want) {
		c.t.Errorf("%q is answered by %q, want %q", text, got, want)
	}
}

func TestRulesMatch(t *testing.T) {
	c := newSession(t, newStore(t), "shop", Config{ChatAnswers: 100})
	c.rule(MatchExact, "Hello", "exact")
	c.rule(MatchStartsWith, "hours ", "starts")
	c.rule(MatchContains, "PRICE", "contains")
	c.rule(MatchRegex, `^order \d+$`, "regex")
	for text, want := range map[string]string{
		"hello": "exact", " HELLO ": "exact", "hello you": "", "Hours today": "starts", "the price?": "contains", "order 12": "regex", "Order 12": "", "": "",
	} {
		if want == "" {
			c.answers(text)
		} else {
			c.answers(text, want)
		}
	}
	group, private := ChatsGroup, ChatsPrivate
	keyword := "who"
	for _, chats := range []*string{&group, &private} {
		if _, err := c.CreateRule(t.Context(), &RulePatch{Keyword: &keyword, ChatType: chats, Content: &message.Content{Type: "text", Text: *chats}}); err != nil {
			t.Fatal(err)
		}
	}
	c.answers("who", "private")
	if got := c.receive(c.incoming(team, "who")); fmt.Sprint(got) != "[group]" {
		t.Errorf("in a group: %q", got)
	}
	if last := c.sent[len(c.sent)-1]; last.ReplyTo == nil || last.To != team.String() {
		t.Errorf("in a group: %+v does not quote the question", last)
	}
}

func TestNotAnswered(t *testing.T) {
	c := newSession(t, newStore(t), "shop", Config{})
	c.rule(MatchRegex, ".", "answer")
	for name, change := range map[string]func(info *types.MessageInfo, data *message.EventData){
		"own":      func(_ *types.MessageInfo, data *message.EventData) { data.FromMe = true },
		"from API": func(_ *types.MessageInfo, data *message.EventData) { data.FromMe, data.FromAPI = true, true },
		"old": func(info *types.MessageInfo, _ *message.EventData) {
			info.Timestamp = time.Now().Add(-MaxAge - time.Second)
		},
		"status": func(info *types.MessageInfo, _ *message.EventData) { info.Chat = types.StatusBroadcastJID },
		"newsletter": func(info *types.MessageInfo, _ *message.EventData) {
			info.Chat = types.NewJID("1", types.NewsletterServer)
		},
		"broadcast": func(info *types.MessageInfo, _ *message.EventData) { info.BroadcastListOwner = ada },
		"edit":      func(_ *types.MessageInfo, data *message.EventData) { data.EditedAt = &time.Time{} },
		"reaction":  func(_ *types.MessageInfo, data *message.EventData) { data.Target = &message.MessageTarget{} },
		"no text":   func(_ *types.MessageInfo, data *message.EventData) { data.Text = nil },
		"call":      func(_ *types.MessageInfo, data *message.EventData) { data.Type = message.TypeSystem },
	} {
		info, data := c.incoming(ada, "hello")
		change(info, data)
		if got := c.receive(info, data); name != "broadcast" && len(got) > 0 {
			t.Errorf("%s: answered by %q", name, got)
		}
	}
	c.answers("hello", "answer")
	no := false
	c.update(Patch{Enabled: &no})
	c.answers("hello")
}

func TestAccess(t *testing.T) {
	c := newSession(t, newStore(t), "shop", Config{ChatAnswers: 100})
	c.rule(MatchExact, "hi", "answer")
	adas, bobs := []string{"+1 555 000 0002"}, []string{bob.String()}
	for _, test := range []struct {
		access           string
		allowed, blocked []string
		answered         bool
	}{
		{AccessAll, nil, adas, true},
		{AccessOwner, adas, nil, false},
		{AccessSpecific, adas, nil, true},
		{AccessSpecific, bobs, nil, false},
		{AccessBlacklist, nil, adas, false},
		{AccessBlacklist, nil, bobs, true},
	} {
		c.update(Patch{
			ReplyAccess: &test.access, ReplyAllowed: &test.allowed, ReplyBlocked: &test.blocked,
			CommandAccess: &test.access, CommandAllowed: &test.allowed, CommandBlocked: &test.blocked,
		})
		for _, text := range []string{"hi", "#ping"} {
			if got := c.receive(c.incoming(ada, text)); len(got) > 0 != test.answered {
				t.Errorf("%+v: %q is answered by %q", test, text, got)
			}
		}
		info, data := c.incoming(ada, "#ping")
		data.FromMe = true
		if got := c.receive(info, data); len(got) != 1 {
			t.Errorf("%+v: the owner's command is answered by %q", test, got)
		}
	}
	lid := conntest.AdaLID.String()
	access, list := AccessSpecific, []string{lid}
	c.update(Patch{ReplyAccess: &access, ReplyAllowed: &list})
	info, data := c.incoming(ada, "hi")
	data.LID = &lid
	if got := c.receive(info, data); len(got) != 1 {
		t.Error("a person who is permitted under the LID is not answered")
	}
}

func TestCommands(t *testing.T) {
	c := newSession(t, newStore(t), "shop", Config{ChatAnswers: 100})
	c.rule(MatchExact, "any", "answer")
	c.answers("#ping")
	access, prefix, name := AccessAll, "!", "Bot"
	c.update(Patch{CommandAccess: &access, CommandPrefix: &prefix, Name: &name})
	c.answers("!Ping", "pong")
	c.answers("#ping")
	c.answers("!unknown")
	c.since = time.Now().Add(-time.Hour)
	c.answers("!uptime", "connected for 1h0m0s")
	c.answers("!sticker", "send the command under a picture or a video, or as a reply to one")
	info, data := c.incoming(ada, "!sticker please")
	data.Type = "image"
	if got := c.receive(info, data); fmt.Sprint(got) != "[sticker of "+info.ID+"]" || c.seconds != 10 || c.sent[len(c.sent)-1].Content.PackName != "Bot" {
		t.Errorf("sticker: %q, %d seconds", got, c.seconds)
	}
	info, data = c.incoming(ada, "!sticker")
	data.Quoted = &message.Quoted{MessageID: "Q"}
	no := false
	c.update(Patch{VideoStickerEnabled: &no})
	c.stuck = wa.NewError(wa.ReasonNotSupported, "videos are not permitted")
	if got := c.receive(info, data); fmt.Sprint(got) != "[no sticker: videos are not permitted]" || c.sticker != "Q" || c.seconds != 0 {
		t.Errorf("sticker of the quoted message %s: %q, %d seconds", c.sticker, got, c.seconds)
	}
	c.update(Patch{PingEnabled: &no, UptimeEnabled: &no, StickerEnabled: &no})
	for _, command := range []string{"!ping", "!uptime", "!sticker", "!removebg"} {
		c.answers(command)
	}
}

// TestAnswersAreLimited also checks that an answer counts when it is decided on, and that the counts are in the database.
func TestAnswersAreLimited(t *testing.T) {
	store := newStore(t)
	c := newSession(t, store, "shop", Config{ChatAnswers: 2, SessionAnswers: 3})
	c.rule(MatchExact, "hi", "answer")
	c.answers("hi", "answer")
	c = newSession(t, store, "shop", Config{ChatAnswers: 2, SessionAnswers: 3})
	c.serial = 10 // other messages than before
	c.answers("hi", "answer")
	c.answers("hi")
	for _, want := range []int{1, 0} {
		if got := c.receive(c.incoming(team, "hi")); len(got) != want {
			t.Errorf("in the second chat: %q, want %d answers", got, want)
		}
	}

	age := func(by time.Duration) {
		if _, err := store.db.Exec(t.Context(), `UPDATE automation_answers SET answered_at=answered_at-$1`, by.Milliseconds()); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		age(guardWindow)
		c.answers("hi", "answer")
		c.answers("hi", "answer")
	}
	age(guardWindow)
	c.answers("hi") // six within the day
	age(keepAnswers)
	c.answers("hi", "answer")

	other := newSession(t, store, "other", Config{ChatAnswers: 100})
	other.rule(MatchExact, "hi", "answer")
	yes, limit, pause := true, 2, 60.0
	other.update(Patch{FloodGuardEnabled: &yes, FloodLimit: &limit, FloodDelayMinSeconds: &pause, FloodDelayMaxSeconds: &pause})
	other.answers("hi", "answer")
	other.answers("hi", "answer")
	other.answers("hi")
	if wait := time.Until(other.sent[0].DueAt); wait < 30*time.Second || wait > time.Minute {
		t.Errorf("the answer is due in %s, want a minute", wait)
	}
	age(11 * time.Second)
	other.answers("hi", "answer")
}

// TestAnswersAreNotAnswered: the answer of one session is a message with a known id for another one.
func TestAnswersAreNotAnswered(t *testing.T) {
	store := newStore(t)
	a, b := newSession(t, store, "a", Config{}), newSession(t, store, "b", Config{})
	a.rule(MatchRegex, ".", "answer of a")
	b.rule(MatchRegex, ".", "answer of b")
	a.answers("hello", "answer of a")
	info, data := b.incoming(bob, "answer of a")
	info.ID, data.MessageID = a.MessageID(a.sent[0].ID), a.MessageID(a.sent[0].ID)
	if got := b.receive(info, data); len(got) > 0 {
		t.Errorf("an answer is answered by %q", got)
	}
}

// TestInterruptedAnswers ends the process at each point between the record of a message and the end of its task.
func TestInterruptedAnswers(t *testing.T) {
	store := newStore(t)
	c := newSession(t, store, "shop", Config{ChatAnswers: 1})
	c.rule(MatchExact, "hi", "answer")
	note := func(owner string) {
		info, data := c.incoming(ada, "hi")
		info.ID, data.MessageID = owner, owner
		if err := c.Plan(t.Context(), info, data)(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	note("before")
	waiting, err := store.Waiting(t.Context())
	if err != nil || fmt.Sprint(waiting) != "[shop]" {
		t.Fatalf("waiting: %v %v", waiting, err)
	}
	next := newSession(t, store, "shop", Config{ChatAnswers: 1})
	next.sendErr = wa.StorageError("no", errors.New("disk"))
	next.work() // decided, and not passed on
	next.sendErr = nil
	next.work() // not limited by the answer itself
	if len(next.sent) != 1 {
		t.Fatalf("%d answers, want 1", len(next.sent))
	}
	note("before") // as if the task had not been removed: the sender knows the answer
	next.work()
	if len(next.sent) != 1 {
		t.Errorf("%d answers, want 1", len(next.sent))
	}
	if waiting, _ := store.Waiting(t.Context()); len(waiting) > 0 {
		t.Errorf("waiting: %v", waiting)
	}
}

func TestStoppedWorker(t *testing.T) {
	c := newSession(t, newStore(t), "shop", Config{})
	c.rule(MatchExact, "hi", "answer")
	c.Stop()
	c.answers("hi")
	c.Resume()
	c.work()
	if len(c.sent) != 1 {
		t.Errorf("%d answers after Resume", len(c.sent))
	}
}

func TestWelcome(t *testing.T) {
	c := newSession(t, newStore(t), "shop", Config{})
	own := []types.JID{conntest.Own, {}}
	join := func(at time.Time, people ...types.JID) int {
		before := len(c.sent)
		if note := c.PlanWelcome(t.Context(), team, at, people, own...); note != nil {
			if err := note(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		c.work()
		return len(c.sent) - before
	}
	if n := join(time.Now(), ada); n != 0 {
		t.Errorf("%d answers without a text", n)
	}
	text := "Welcome!"
	c.update(Patch{WelcomeMessage: &text})
	if n := join(time.Now(), ada); n != 1 || c.sent[0].To != team.String() || c.sent[0].Content.Text != text {
		t.Errorf("%d answers: %+v", n, c.sent)
	}
	if n := join(time.Now(), conntest.Own) + join(time.Now().Add(-MaxAge-time.Second), bob); n != 0 {
		t.Errorf("%d answers to the own account and to members of long ago", n)
	}
}

func TestSettings(t *testing.T) {
	store := newStore(t)
	c := newSession(t, store, "shop", Config{})
	got, err := c.Settings(t.Context())
	if want := fmt.Sprint(DefaultSettings()); err != nil || fmt.Sprint(got) != want {
		t.Errorf("settings %v %v, want %s", got, err, want)
	}
	key, yes := "secret key", true
	c.update(Patch{RemoveBackgroundKey: &key, AlwaysOnline: &yes, AutoRead: &yes})
	masked := Masked
	c.update(Patch{RemoveBackgroundKey: &masked})
	again := newSession(t, store, "shop", Config{})
	if got, err = again.Settings(t.Context()); err != nil || got.RemoveBackgroundKey != Masked || got.UpdatedAt == nil || got.CreatedAt == nil {
		t.Errorf("settings %+v %v", got, err)
	}
	if known, err := again.current(t.Context()); err != nil || known.RemoveBackgroundKey != key || !again.Reads() || !again.KeepsOnline(t.Context()) || c.online != 2 {
		t.Errorf("%+v %v, set online %d times", known, err, c.online)
	}
	var stored string
	if err := store.db.QueryRow(t.Context(), `SELECT remove_background_key FROM automation_settings`).Scan(&stored); err != nil || strings.Contains(stored, key) {
		t.Errorf("stored %q %v", stored, err)
	}
	bad, long, short := []string{"15550000002", "nobody@example.com"}, 5.0, 4.0
	for field, p := range map[string]Patch{
		"command_allowed/1": {CommandAllowed: &bad}, "command_blocked/1": {CommandBlocked: &bad}, "reply_allowed/1": {ReplyAllowed: &bad}, "reply_blocked/1": {ReplyBlocked: &bad},
		"reply_blocked/0": {ReplyBlocked: &[]string{team.String()}}, "flood_delay_min_seconds": {FloodDelayMinSeconds: &long}, "flood_delay_max_seconds": {FloodDelayMinSeconds: &long, FloodDelayMaxSeconds: &short},
	} {
		if _, err := c.UpdateSettings(t.Context(), &p); fieldOf(err) != field {
			t.Errorf("got %v, want an error of %s", err, field)
		}
	}
	if err := store.Purge(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if got, err := newSession(t, store, "shop", Config{}).Settings(t.Context()); err != nil || got.UpdatedAt != nil {
		t.Errorf("after Purge: %+v %v", got, err)
	}
}

func fieldOf(err error) string {
	var e *wa.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Field
}

func TestRulesAreChecked(t *testing.T) {
	c := newSession(t, newStore(t), "shop", Config{})
	rule := c.rule(MatchExact, "hi", "answer")
	text := func(s string) *string { return &s }
	content := &message.Content{Type: "text", Text: "x"}
	for name, test := range map[string]struct {
		patch RulePatch
		field string
	}{
		"blank":     {RulePatch{Keyword: text(" ")}, "keyword"},
		"syntax":    {RulePatch{Keyword: text("(?<=a)b"), Match: text(MatchRegex)}, "keyword"},
		"size":      {RulePatch{Keyword: text(`(\pL{100}){10}(\pN{100}){10}(\pS{100}){10}`), Match: text(MatchRegex)}, "keyword"},
		"no text":   {RulePatch{Content: &message.Content{Type: "text"}}, "content/text"},
		"no file":   {RulePatch{Content: &message.Content{Type: "image"}}, "content/media"},
		"big":       {RulePatch{Content: &message.Content{Type: "image", Media: &message.MediaSource{Base64: strings.Repeat("A", maxContent)}}}, "content"},
		"not later": {RulePatch{Content: &message.Content{Type: "poll_vote"}}, "content/type"},
	} {
		if _, err := c.UpdateRule(t.Context(), rule.ID, &test.patch); fieldOf(err) != test.field {
			t.Errorf("%s: got %v, want an error of %s", name, err, test.field)
		}
		if test.patch.Keyword == nil {
			test.patch.Keyword = text("hi")
		}
		if test.patch.Content == nil {
			test.patch.Content = content
		}
		if _, err := c.CreateRule(t.Context(), &test.patch); fieldOf(err) != test.field {
			t.Errorf("%s: created with %v, want an error of %s", name, err, test.field)
		}
	}
	if _, err := c.UpdateRule(t.Context(), "other", &RulePatch{}); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("unknown rule: %v", err)
	}
	changed, err := c.UpdateRule(t.Context(), rule.ID, &RulePatch{Content: &message.Content{Type: "text", Text: "other"}})
	if err != nil || string(changed.Content) != `{"text":"other","type":"text"}` || changed.Keyword != "hi" {
		t.Errorf("changed: %+v %v", changed, err)
	}
	c.answers("hi", "other")
}

func TestNumberOfRulesIsLimited(t *testing.T) {
	c := newSession(t, newStore(t), "shop", Config{MaxRules: 2})
	c.rule(MatchExact, "1", "one")
	two := c.rule(MatchExact, "2", "two")
	three := "3"
	if _, err := c.CreateRule(t.Context(), &RulePatch{Keyword: &three, Content: &message.Content{Type: "text", Text: "three"}}); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("a third rule: %v", err)
	}
	if err := c.DeleteRule(t.Context(), two.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{two.ID, ""} {
		if err := c.DeleteRule(t.Context(), id); wa.ReasonOf(err) != wa.ReasonNotFound {
			t.Errorf("delete %q: %v", id, err)
		}
	}
	if n, err := c.DeleteRules(t.Context()); n != 1 || err != nil {
		t.Errorf("%d rules deleted, %v", n, err)
	}
	if rules, err := c.Rules(t.Context()); err != nil || len(rules) > 0 {
		t.Errorf("rules %v %v", rules, err)
	}
}
