package labels

import (
	"context"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waServerSync"

	"github.com/waystation/waystation/bridge/wa"
)

const (
	// maxID and maxName are the lengths in bytes of what is stored of WhatsApp's labels.
	maxID   = 128
	maxName = 1024
)

// ApplyEntries stores the labels among entries of the app state. whole = the entries are all of the collection: labels of
// the account that are not among them are removed.
func (s *Service) ApplyEntries(ctx context.Context, name appstate.WAPatchName, entries []appstate.Mutation, whole bool) error {
	if name != appstate.WAPatchRegular {
		return nil
	}
	apply := func(ctx context.Context) error {
		labels, err := s.store.listLabels(ctx, s.owner)
		if err != nil {
			return err
		}
		uses, err := s.store.countUses(ctx, s.owner)
		if err != nil {
			return err
		}
		room := &room{labels: s.store.limits.Labels - len(labels), uses: s.store.limits.Uses - uses}
		for i := range entries {
			if err := s.applyEntry(ctx, &entries[i], room); err != nil {
				return err
			}
		}
		if room.labels < 0 || room.uses < 0 {
			s.log().Warn("labels of the account are not stored: there are too many", "count", -min(room.labels, 0)-min(room.uses, 0))
		}
		return nil
	}
	var err error
	switch {
	case whole:
		err = s.store.replaceSynced(ctx, s.owner, apply)
	case len(entries) > 0 && hasLabel(entries):
		err = apply(ctx)
	}
	if err != nil {
		return wa.StorageError("the labels could not be stored", err)
	}
	return nil
}

// room is how many labels and uses may still be stored; a negative number counts those left out.
type room struct{ labels, uses int }

func hasLabel(entries []appstate.Mutation) bool {
	for i := range entries {
		if len(entries[i].Index) > 1 && strings.HasPrefix(entries[i].Index[0], "label_") {
			return true
		}
	}
	return false
}

// applyEntry stores one entry. Entries in a form that is not known are ignored.
func (s *Service) applyEntry(ctx context.Context, entry *appstate.Mutation, room *room) error {
	index := entry.Index
	if len(index) < 2 || index[1] == "" || len(index[1]) > maxID {
		return nil
	}
	removed := entry.Operation == waServerSync.SyncdMutation_REMOVE
	if index[0] == appstate.IndexLabelEdit {
		return s.applyLabel(ctx, entry, removed, room)
	}
	u := use{label: index[1]}
	switch {
	case index[0] == appstate.IndexLabelAssociationChat && len(index) > 2:
	case index[0] == appstate.IndexLabelAssociationMessage && len(index) > 3 && index[3] != "" && len(index[3]) <= maxID:
		u.message = index[3]
	default:
		return nil
	}
	chat, err := wa.ParseJID("chat", index[2])
	if err != nil || len(index[2]) > maxID {
		return nil //nolint:nilerr // another client of the account wrote what is no address
	}
	u.chat = chat.ToNonAD().String()
	if removed || !entry.Action.GetLabelAssociationAction().GetLabeled() {
		return s.store.setUses(ctx, s.owner, true, nil, []use{u})
	}
	if room.uses--; room.uses < 0 {
		return nil
	}
	return s.store.setUses(ctx, s.owner, true, []use{u}, nil)
}

func (s *Service) applyLabel(ctx context.Context, entry *appstate.Mutation, removed bool, room *room) error {
	action := entry.Action.GetLabelEditAction()
	if removed || action.GetDeleted() {
		return s.store.removeLabel(ctx, s.owner, entry.Index[1])
	}
	if room.labels--; room.labels < 0 {
		return nil
	}
	label := &Label{ID: entry.Index[1], Name: strings.ToValidUTF8(action.GetName(), "?"), Color: int(action.GetColor()), Synced: true, UpdatedAt: time.Now()}
	if len(label.Name) > maxName {
		label.Name = strings.ToValidUTF8(label.Name[:maxName], "")
	}
	if label.Color < 0 || label.Color >= len(colors) {
		label.Color = 0
	}
	if at := entry.Action.GetTimestamp(); at > 0 && at < maxMillis {
		label.UpdatedAt = time.UnixMilli(at)
	}
	if number := int(action.GetPredefinedID()); number > 0 {
		label.PredefinedID = &number
	}
	return s.store.putLabel(ctx, s.owner, label)
}

const maxMillis = 253402300799999 // of the year 9999
