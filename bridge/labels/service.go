package labels

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// Conn has the methods of a session that operations on labels use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// IsBusiness reports whether the account is one of WhatsApp Business, whose labels are entries of the app state.
	IsBusiness(ctx context.Context) bool
	// AddressOf returns the addresses of a chat.
	AddressOf(ctx context.Context, chat types.JID) messages.Address
	// WriteAppState changes the account's synchronised settings; operation is its name in errors.
	WriteAppState(ctx context.Context, operation string, patch appstate.PatchInfo) error
}

// Service implements the label operations of one session. Its methods return *wa.Error.
type Service struct {
	conn  Conn
	owner string // key of the session's data
	store *Store
	log   func() *slog.Logger
}

// NewService returns the operations on the labels of the session whose data has the key owner.
func NewService(conn Conn, owner string, store *Store, log func() *slog.Logger) *Service {
	return &Service{conn: conn, owner: owner, store: store, log: log}
}

// colors are the colours of WhatsApp's apps, by index.
var colors = [...]string{
	"#FF9485", "#64C4FF", "#FFD429", "#DFAEF0", "#99B6C1", "#55CCB3", "#FF9DFF", "#D3A91D", "#6D7CCE", "#D7E752",
	"#00D0E2", "#FFC5C7", "#93CEAC", "#F74848", "#00A0F2", "#83E422", "#FFAF04", "#B5EBFF", "#9BA6FF", "#9368CF",
}

func hexOf(color int) string {
	if color < 0 || color >= len(colors) {
		color = 0
	}
	return colors[color]
}

// List returns the labels of the session, by name.
func (s *Service) List(ctx context.Context) ([]*Label, error) {
	labels, err := s.store.listLabels(ctx, s.owner)
	if err != nil {
		return nil, wa.StorageError("the labels could not be read", err)
	}
	if labels == nil {
		labels = []*Label{}
	}
	return labels, nil
}

// Get returns one label.
func (s *Service) Get(ctx context.Context, id string) (*Label, error) {
	labels, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(labels, func(l *Label) bool { return l.ID == id })
	if i < 0 {
		return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "label_id", Message: "there is no such label"}
	}
	return labels[i], nil
}

// isBusiness reports whether labels are written to the app state, which needs a connection.
func (s *Service) isBusiness(ctx context.Context) (bool, error) {
	if !s.conn.IsBusiness(ctx) {
		return false, nil
	}
	_, err := s.conn.Live()
	return true, err
}

// createAttempts is how often a free id is looked for when others are making labels at the same time.
const createAttempts = 10

// Create makes a label. An empty id is the next free number, as in WhatsApp's apps.
func (s *Service) Create(ctx context.Context, id, name string, color int) (*Label, error) {
	business, err := s.isBusiness(ctx)
	if err != nil {
		return nil, err
	}
	label := &Label{ID: id, Name: name, Color: color, Synced: business, UpdatedAt: time.Now()}
	for attempt := 1; ; attempt++ {
		labels, err := s.List(ctx)
		if err != nil {
			return nil, err
		}
		if most := s.store.limits.Labels; len(labels) >= most {
			return nil, wa.NewError(wa.ReasonConflict, "there are %d labels already", most)
		}
		if id == "" {
			label.ID = nextID(labels)
		}
		inserted, err := s.store.insertLabel(ctx, s.owner, label)
		switch {
		case err != nil:
			return nil, wa.StorageError("the label could not be stored", err)
		case inserted && business:
			return s.announceChange(ctx, label)
		case inserted:
			return s.Get(ctx, label.ID)
		case id != "" || attempt == createAttempts:
			return nil, &wa.Error{Reason: wa.ReasonConflict, Field: "label_id", Message: "there is a label with this id already"}
		}
	}
}

// announceChange writes a new label to the app state. The stored label only reserves its id until then.
func (s *Service) announceChange(ctx context.Context, label *Label) (*Label, error) {
	if err := s.conn.WriteAppState(ctx, "create the label", appstate.BuildLabelEdit(label.ID, label.Name, int32(label.Color), false)); err != nil {
		if removed := s.store.removeLabel(context.WithoutCancel(ctx), s.owner, label.ID); removed != nil {
			s.log().Warn("a label that could not be created is still stored", "error", removed)
		}
		return nil, err
	}
	return s.Get(ctx, label.ID)
}

// nextID returns the number after the highest one.
func nextID(labels []*Label) string {
	highest := 0
	for _, l := range labels {
		if number, err := strconv.Atoi(l.ID); err == nil && number > highest && number < maxNumber {
			highest = number
		}
	}
	return strconv.Itoa(highest + 1)
}

const maxNumber = 1 << 30 // larger ids are not numbers of WhatsApp's apps

// Update changes the name or the colour of a label; nil = unchanged.
func (s *Service) Update(ctx context.Context, id string, name *string, color *int) (*Label, error) {
	label, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	business, err := s.isBusiness(ctx)
	if err != nil {
		return nil, err
	}
	if name != nil {
		label.Name = *name
	}
	if color != nil {
		label.Color = *color
	}
	label.Synced, label.UpdatedAt = business, time.Now()
	if business {
		if err := s.conn.WriteAppState(ctx, "change the label", s.editPatch(label, false)); err != nil {
			return nil, err
		}
	}
	if err := s.store.putLabel(ctx, s.owner, label); err != nil {
		return nil, wa.StorageError("the label could not be stored", err)
	}
	return s.Get(ctx, id)
}

// editPatch is the entry of a label. WhatsApp's own labels keep their number.
func (s *Service) editPatch(label *Label, deleted bool) appstate.PatchInfo {
	patch := appstate.BuildLabelEdit(label.ID, label.Name, int32(label.Color), deleted)
	if label.PredefinedID != nil {
		number := int32(*label.PredefinedID)
		patch.Mutations[0].Value.LabelEditAction.PredefinedID = &number
	}
	return patch
}

// Delete deletes a label and takes it off all chats and messages.
func (s *Service) Delete(ctx context.Context, id string) error {
	label, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.deleteLabels(ctx, label)
}

// DeleteAll deletes all labels and returns their number.
func (s *Service) DeleteAll(ctx context.Context) (int, error) {
	labels, err := s.List(ctx)
	if err != nil {
		return 0, err
	}
	return len(labels), s.deleteLabels(ctx, labels...)
}

func (s *Service) deleteLabels(ctx context.Context, labels ...*Label) error {
	business, err := s.isBusiness(ctx)
	if err != nil {
		return err
	}
	if business && len(labels) > 0 {
		patch := appstate.PatchInfo{Type: appstate.WAPatchRegular}
		for _, label := range labels {
			patch.Mutations = append(patch.Mutations, s.editPatch(label, true).Mutations...)
		}
		if err := s.conn.WriteAppState(ctx, "delete the labels", patch); err != nil {
			return err
		}
	}
	for _, label := range labels {
		if err := s.store.removeLabel(ctx, s.owner, label.ID); err != nil {
			return wa.StorageError("the label could not be deleted", err)
		}
	}
	return nil
}
