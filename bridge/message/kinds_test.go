package message

import (
	"maps"
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// TestKindsOfAllFields checks that each field of WhatsApp's message is typed, opened, plumbing or raw only with a reason, and that the tables name
// no other fields and no typed ones.
func TestKindsOfAllFields(t *testing.T) {
	t.Parallel()
	known, received := map[string]Kind{}, map[string]int{}
	for _, k := range Kinds() {
		known[k.Field] = k
		received[k.Received]++
		if k.Received == ReceivedRaw && k.Note == "" {
			t.Errorf("%s is raw only without a reason in rawOnly", k.Field)
		}
	}
	if len(known) < 110 || received[ReceivedTyped] < 65 || received[ReceivedOpened] < 25 {
		t.Errorf("%d fields: %v", len(known), received)
	}
	for field := range rawOnly {
		if known[field].Received != ReceivedRaw {
			t.Errorf("rawOnly has %s, which is %s", field, known[field].Received)
		}
	}
	for field := range plumbing {
		if known[field].Received != ReceivedPlumbing {
			t.Errorf("plumbing has %s, which is %s", field, known[field].Received)
		}
	}
	for field := range notes {
		if got := known[field].Received; got != ReceivedTyped && got != ReceivedOpened {
			t.Errorf("notes has %s, which is %s", field, got)
		}
	}
	for kind, fields := range sentAs {
		for _, field := range fields {
			if !slices.Contains(known[field].SentAs, kind) {
				t.Errorf("sentAs has %s, which is no field", field)
			}
		}
	}
}

func TestPlumbingIsNoContent(t *testing.T) {
	t.Parallel()
	keys := &waE2E.Message{
		SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{}, MessageContextInfo: &waE2E.MessageContextInfo{}, StickerSyncRmrMessage: &waE2E.StickerSyncRMRMessage{},
	}
	if HasContent(nil) || HasContent(&waE2E.Message{}) || HasContent(keys) {
		t.Error("keys are content")
	}
	keys.Conversation = proto.String("")
	later := &waE2E.Message{}
	if err := proto.Unmarshal(protowire.AppendVarint(protowire.AppendTag(nil, 9999, protowire.VarintType), 1), later); err != nil {
		t.Fatal(err)
	}
	if !HasContent(keys) || !HasContent(later) {
		t.Error("content is not recognised")
	}
}

// TestEachBuilderHasItsFields checks that the table of sent fields has every type of content that can be built.
func TestEachBuilderHasItsFields(t *testing.T) {
	t.Parallel()
	types := slices.Sorted(maps.Keys(sentAs))
	for kind := range builders {
		if kind != TypeSystem && !slices.Contains(types, kind) { // system stands for the action of its target
			t.Errorf("sentAs lacks %s", kind)
		}
	}
	for _, kind := range types {
		if builders[kind] == nil && kind != ActionComment { // a comment is content with a target
			t.Errorf("sentAs has %s, which has no builder", kind)
		}
	}
}
