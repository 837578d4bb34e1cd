package labels

import (
	"strconv"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/wa"
)

func newTestService(t *testing.T) (*Service, *conntest.Conn) { return newLimitedService(t, Limits{}) }

func newLimitedService(t *testing.T, limits Limits) (*Service, *conntest.Conn) {
	t.Helper()
	conn := conntest.NewConn(t)
	store, err := Open(t.Context(), conn.DB, limits)
	must(t, err)
	return NewService(conn, conntest.Owner, store, conntest.NewLog), conn
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// entriesOf returns the entries of patches as they are read from WhatsApp.
func entriesOf(patches ...appstate.PatchInfo) (entries []appstate.Mutation) {
	for _, patch := range patches {
		for _, m := range patch.Mutations {
			entries = append(entries, appstate.Mutation{Operation: waServerSync.SyncdMutation_SET, Index: m.Index, Action: m.Value})
		}
	}
	return entries
}

func names(t *testing.T, s *Service) string {
	t.Helper()
	labels, err := s.List(t.Context())
	must(t, err)
	var list []string
	for _, l := range labels {
		list = append(list, l.ID+"="+l.Name)
	}
	return strings.Join(list, " ")
}

func TestCompleteReadReplacesSyncedLabels(t *testing.T) {
	s, _ := newTestService(t)
	ctx := t.Context()
	_, err := s.Create(ctx, "own", "Local", 0)
	must(t, err)
	must(t, s.ApplyEntries(ctx, appstate.WAPatchRegular, entriesOf(
		appstate.BuildLabelEdit("1", "Old", 1, false), appstate.BuildLabelChat(conntest.AdaLID, "1", true)), true))
	if got := names(t, s); got != "own=Local 1=Old" {
		t.Errorf("labels %s", got)
	}
	labels, err := s.ListForChat(ctx, conntest.Ada.String())
	must(t, err)
	if len(labels) != 1 || labels[0].ChatCount != 1 || !labels[0].Synced {
		t.Errorf("labels of the chat: %+v", labels)
	}
	must(t, s.ApplyEntries(ctx, appstate.WAPatchRegular, entriesOf(appstate.BuildLabelEdit("2", "New", 40, false)), true))
	if got := names(t, s); got != "own=Local 2=New" {
		t.Errorf("labels after the second read: %s", got)
	}
	must(t, s.ApplyEntries(ctx, appstate.WAPatchRegularLow, nil, true))
	must(t, s.ApplyEntries(ctx, appstate.WAPatchRegular, nil, false))
	if got := names(t, s); got != "own=Local 2=New" {
		t.Errorf("labels after reads of other collections: %s", got)
	}
}

func TestStrangeEntriesAreIgnored(t *testing.T) {
	s, _ := newTestService(t)
	set := func(index ...string) appstate.Mutation {
		return appstate.Mutation{Operation: waServerSync.SyncdMutation_SET, Index: index, Action: &waSyncAction.SyncActionValue{
			LabelAssociationAction: &waSyncAction.LabelAssociationAction{Labeled: proto.Bool(true)},
		}}
	}
	entries := []appstate.Mutation{
		{},
		set(),
		set("label_edit"), set("label_edit", ""), set("label_jid", "1"), set("label_jid", "1", "a@b@c"), set("label_message", "1", "1@s.whatsapp.net"),
		set("label_message", "1", "1@s.whatsapp.net", ""), set("label_edit", strings.Repeat("x", 1000)), set("label_jid", "1", strings.Repeat("9", 1000)+"@s.whatsapp.net"),
		{Operation: waServerSync.SyncdMutation_REMOVE, Index: []string{"label_jid", "1", "1@s.whatsapp.net"}},
		{Operation: waServerSync.SyncdMutation_SET, Index: []string{"label_edit", "1"}, Action: &waSyncAction.SyncActionValue{
			Timestamp: proto.Int64(-5), LabelEditAction: &waSyncAction.LabelEditAction{Name: proto.String(strings.Repeat("é", 2000)), Color: proto.Int32(-7)},
		}},
	}
	must(t, s.ApplyEntries(t.Context(), appstate.WAPatchRegular, entries, false))
	labels, err := s.List(t.Context())
	must(t, err)
	if len(labels) != 1 || len(labels[0].Name) > maxName || labels[0].Color != 0 || labels[0].ChatCount != 0 {
		t.Errorf("labels %+v", labels)
	}
}

func TestBusinessLabelsNeedAConnection(t *testing.T) {
	s, conn := newTestService(t)
	conn.Business = true
	if _, err := s.Create(t.Context(), "", "Lead", 0); wa.ReasonOf(err) != wa.ReasonNotConnected {
		t.Errorf("create: %v", err)
	}
	if got := names(t, s); got != "" {
		t.Errorf("labels %s", got)
	}
}

func TestNumberOfLabelsIsLimited(t *testing.T) {
	t.Parallel()
	s, _ := newLimitedService(t, Limits{Labels: 3})
	ctx := t.Context()
	_, err := s.Create(ctx, "own", "Local", 0)
	must(t, err)
	var patches []appstate.PatchInfo
	for i := range 5 {
		patches = append(patches, appstate.BuildLabelEdit(strconv.Itoa(i+1), "n", 0, false))
	}
	must(t, s.ApplyEntries(ctx, appstate.WAPatchRegular, entriesOf(patches...), true))
	if got := names(t, s); got != "own=Local 1=n 2=n" {
		t.Errorf("after a complete read: %s", got)
	}
	must(t, s.ApplyEntries(ctx, appstate.WAPatchRegular, entriesOf(appstate.BuildLabelEdit("9", "n", 0, false)), false))
	if _, err := s.Create(ctx, "", "one more", 0); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("one more: %v", err)
	}
	if got := names(t, s); got != "own=Local 1=n 2=n" {
		t.Errorf("after one more of the phone and one of a caller: %s", got)
	}
	must(t, s.ApplyEntries(ctx, appstate.WAPatchRegular, entriesOf(appstate.BuildLabelEdit("1", "n", 0, true)), false))
	if _, err := s.Create(ctx, "", "one more", 0); err != nil {
		t.Errorf("after one was removed: %v", err)
	}
}

func TestNumberOfUsesIsLimited(t *testing.T) {
	t.Parallel()
	s, _ := newLimitedService(t, Limits{Uses: 3})
	ctx := t.Context()
	_, err := s.Create(ctx, "1", "Lead", 0)
	must(t, err)
	uses := func() int {
		t.Helper()
		n, err := s.store.countUses(ctx, conntest.Owner)
		must(t, err)
		return n
	}
	_, _, err = s.UpdateChats(ctx, []string{conntest.Ada.String()}, []string{"1"}, Add)
	must(t, err)
	if _, _, err = s.UpdateMessages(ctx, conntest.Bob.String(), []string{"M1", "M2", "M3"}, []string{"1"}, Add); wa.ReasonOf(err) != wa.ReasonConflict || uses() != 1 {
		t.Errorf("three more: %v, %d uses", err, uses())
	}
	if _, _, err = s.UpdateMessages(ctx, conntest.Bob.String(), []string{"M1", "M2"}, []string{"1"}, Add); err != nil || uses() != 3 {
		t.Errorf("two more: %v, %d uses", err, uses())
	}
	must(t, s.ApplyEntries(ctx, appstate.WAPatchRegular, entriesOf(appstate.BuildLabelChat(conntest.Bob, "1", true)), false))
	if uses() != 3 {
		t.Errorf("%d uses after one more of the phone", uses())
	}
	if _, _, err = s.UpdateMessages(ctx, conntest.Bob.String(), []string{"M1", "M2"}, []string{"1"}, Remove); err != nil || uses() != 1 {
		t.Errorf("a removal at the limit: %v, %d uses", err, uses())
	}
}
