package bridge

import (
	"context"
	"reflect"
	"strings"
	"sync"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/people"
	"github.com/waystation/waystation/bridge/wa"
)

// This file alone decides how events and results identify chats and people (docs/concepts.md): by phone JID if the
// number is known, otherwise by LID, with both addresses and a stable key beside it. Translators and operations may use
// any known address; name rewrites it.

// chatField contains the address of a chat; chatNameFields are added beside it.
const chatField = "chat"

// personFields contain the address of a person. The first of primaryFields that an object has is the person to whom pn,
// lid and contact_key of the object refer.
var (
	personFields = map[string]bool{
		"sender": true, "contact": true, "caller": true, "from": true, "message_sender": true, "author": true, "owner": true,
		"name_set_by": true, "description_set_by": true, "inviter": true, "receiver": true, "mentions": true,
	}
	primaryFields = []string{"sender", "contact", "caller", "from"}
)

// naming rewrites the chats and people of one event or result.
type naming struct {
	ctx   context.Context
	lids  store.LIDStore          // nil = no lookup
	known map[types.JID]wa.Person // address pairs in the event itself
	slots []keySlot
}

// keySlot is a field that receives the key of a person.
type keySlot struct {
	who wa.Person
	set func(key string)
}

// apply rewrites the addresses in v, a pointer or a map, and collects the fields that need a key.
func (n *naming) apply(v any) error { return n.walk(reflect.ValueOf(v)) }

// person returns both addresses of a person; ok is false for other kinds of addresses.
func (n *naming) person(text string) (p wa.Person, ok bool, err error) {
	if !strings.HasSuffix(text, "@"+types.DefaultUserServer) && !strings.HasSuffix(text, "@"+types.HiddenUserServer) {
		return p, false, nil
	}
	jid, err := types.ParseJID(text)
	if err != nil || jid.User == "" {
		return p, false, nil //nolint:nilerr // text that is no address stays as it is
	}
	jid = jid.ToNonAD()
	if p, seen := n.known[jid]; seen {
		return p, true, nil
	}
	if p.PN = jid; jid.Server == types.HiddenUserServer {
		p = wa.Person{LID: jid}
	}
	if n.lids == nil {
		return p, true, nil
	}
	p, err = wa.PersonOf(n.ctx, &store.Device{LIDs: n.lids}, jid)
	return p, true, err
}

// namePlan lists the address fields of a struct type.
type namePlan struct {
	chat                     []int
	people                   [][]int
	primary                  [][]int // by rank; nil = the struct has no such field
	chatPN, chatLID, chatKey []int
	pn, lid, contactKey      []int
	nested                   [][]int
}

var namePlans sync.Map // reflect.Type -> *namePlan; nil = no address fields

func planOf(t reflect.Type) *namePlan {
	if plan, ok := namePlans.Load(t); ok {
		return plan.(*namePlan)
	}
	plan := &namePlan{primary: make([][]int, len(primaryFields))}
	if !plan.read(t, nil, map[reflect.Type]bool{}) {
		plan = nil
	}
	namePlans.Store(t, plan)
	return plan
}

// read collects the address fields of a struct, including embedded structs, by the names that encoding/json uses. It
// reports whether it found any.
func (p *namePlan) read(t reflect.Type, path []int, seen map[reflect.Type]bool) (found bool) {
	for i := range t.NumField() {
		field := t.Field(i)
		index := append(append([]int{}, path...), i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct:
			found = p.read(field.Type, index, seen) || found
		case !field.IsExported() || name == "-":
		case isText(field.Type) && p.take(name, index):
			found = found || name == chatField || personFields[name]
		case mayHoldNames(field.Type, seen):
			p.nested, found = append(p.nested, index), true
		}
	}
	return found
}

func (p *namePlan) take(name string, index []int) bool {
	if to := map[string]*[]int{
		chatField: &p.chat, "chat_pn": &p.chatPN, "chat_lid": &p.chatLID, "chat_key": &p.chatKey,
		"pn": &p.pn, "lid": &p.lid, "contact_key": &p.contactKey,
	}[name]; to != nil {
		*to = index
		return true
	}
	for rank, primary := range primaryFields {
		if name == primary {
			p.primary[rank] = index
		}
	}
	if personFields[name] {
		p.people = append(p.people, index)
	}
	return personFields[name]
}

// isText reports whether a field may contain an address or a list of addresses.
func isText(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t.Kind() == reflect.String
}

var namedTypes sync.Map // reflect.Type -> bool: result of mayHoldNames

func holdsNames(t reflect.Type) bool {
	if known, ok := namedTypes.Load(t); ok {
		return known.(bool)
	}
	holds := mayHoldNames(t, nil)
	namedTypes.Store(t, holds)
	return holds
}

// mayHoldNames reports whether values of a type can contain addresses; seen are the enclosing types.
func mayHoldNames(t reflect.Type, seen map[reflect.Type]bool) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return mayHoldNames(t.Elem(), seen)
	case reflect.Map:
		return t.Elem().Kind() == reflect.Interface
	case reflect.Interface:
		return true
	case reflect.Struct:
		if seen[t] {
			return false
		}
		inner := map[reflect.Type]bool{t: true}
		for known := range seen {
			inner[known] = true
		}
		return (&namePlan{primary: make([][]int, len(primaryFields))}).read(t, nil, inner)
	}
	return false
}

func (n *naming) walk(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return n.walk(v.Elem())
	case reflect.Slice, reflect.Array:
		if !holdsNames(v.Type().Elem()) {
			return nil
		}
		for i := range v.Len() {
			if err := n.walk(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		if object, ok := v.Interface().(fields); ok {
			return n.object(object)
		}
		if object, ok := v.Interface().(map[string]any); ok {
			return n.object(object)
		}
	case reflect.Struct:
		if plan := planOf(v.Type()); plan != nil && v.CanSet() {
			return n.structure(v, plan)
		}
	}
	return nil
}

func (n *naming) structure(v reflect.Value, plan *namePlan) error {
	if plan.chat != nil {
		if err := n.nameChat(textAt(v, plan.chat), structTarget{v, plan}); err != nil {
			return err
		}
	}
	about := plan.primaryOf(v)
	if about == "" && plan.contactKey != nil && plan.lid != nil {
		about = textAt(v, plan.lid) // a person without a known number
	}
	if err := n.namePerson(about, structTarget{v, plan}); err != nil {
		return err
	}
	for _, index := range plan.people {
		if err := n.rename(v.FieldByIndex(index)); err != nil {
			return err
		}
	}
	for _, index := range plan.nested {
		if err := n.walk(v.FieldByIndex(index)); err != nil {
			return err
		}
	}
	return nil
}

// primaryOf returns the address of the person that the struct describes.
func (p *namePlan) primaryOf(v reflect.Value) string {
	for _, index := range p.primary {
		if index == nil {
			continue
		}
		if text := textAt(v, index); text != "" {
			return text
		}
	}
	return ""
}

// rename rewrites the addresses in a string, a pointer to a string or a list.
func (n *naming) rename(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		text, err := n.address(v.Elem().String())
		if err == nil && text != v.Elem().String() { // the text may be shared with other values
			v.Set(reflect.ValueOf(&text))
		}
		return err
	case reflect.Slice:
		for i := range v.Len() {
			if err := n.rename(v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	}
	text, err := n.address(v.String())
	if err == nil {
		v.SetString(text)
	}
	return err
}

// address returns the canonical address of a person; other addresses stay unchanged.
func (n *naming) address(text string) (string, error) {
	p, ok, err := n.person(text)
	if err != nil || !ok {
		return text, err
	}
	return p.Address().String(), nil
}

// nameTarget receives the names and keys of an object.
type nameTarget interface {
	setChat(chat string, pn, lid *string)
	setPerson(pn, lid *string)
	setKey(field, key string)
}

func (n *naming) nameChat(text string, to nameTarget) error {
	if text == "" {
		return nil
	}
	p, ok, err := n.person(text)
	if err != nil {
		return err
	}
	if !ok {
		if jid, err := types.ParseJID(text); err == nil {
			text = jid.ToNonAD().String()
		}
		to.setChat(text, nil, nil)
		to.setKey("chat_key", text)
		return nil
	}
	to.setChat(p.Address().String(), wa.JIDOrNull(p.PN), wa.JIDOrNull(p.LID))
	n.slots = append(n.slots, keySlot{p, func(key string) { to.setKey("chat_key", key) }})
	return nil
}

func (n *naming) namePerson(text string, to nameTarget) error {
	p, ok, err := n.person(text)
	if err != nil || !ok {
		return err
	}
	to.setPerson(wa.JIDOrNull(p.PN), wa.JIDOrNull(p.LID))
	n.slots = append(n.slots, keySlot{p, func(key string) { to.setKey("contact_key", key) }})
	return nil
}

// structTarget sets the names in the fields of a struct, if present.
type structTarget struct {
	v    reflect.Value
	plan *namePlan
}

func (t structTarget) setChat(chat string, pn, lid *string) {
	setText(t.v, t.plan.chat, &chat)
	setText(t.v, t.plan.chatPN, pn)
	setText(t.v, t.plan.chatLID, lid)
}

func (t structTarget) setPerson(pn, lid *string) {
	setText(t.v, t.plan.pn, pn)
	setText(t.v, t.plan.lid, lid)
}

func (t structTarget) setKey(field, key string) {
	if field == "chat_key" {
		setText(t.v, t.plan.chatKey, &key)
		return
	}
	setText(t.v, t.plan.contactKey, &key)
}

func textAt(v reflect.Value, index []int) string {
	field := v.FieldByIndex(index)
	if field.Kind() == reflect.Pointer {
		if field.IsNil() {
			return ""
		}
		field = field.Elem()
	}
	if field.Kind() != reflect.String {
		return ""
	}
	return field.String()
}

func setText(v reflect.Value, index []int, text *string) {
	if index == nil {
		return
	}
	field := v.FieldByIndex(index)
	switch {
	case field.Kind() == reflect.Pointer:
		field.Set(reflect.ValueOf(text))
	case text != nil:
		field.SetString(*text)
	default:
		field.SetString("")
	}
}

// mapTarget sets the names in a map; it adds missing members.
type mapTarget map[string]any

func (t mapTarget) setChat(chat string, pn, lid *string) {
	t[chatField], t["chat_pn"], t["chat_lid"] = chat, pn, lid
}

func (t mapTarget) setPerson(pn, lid *string) { t["pn"], t["lid"] = pn, lid }

func (t mapTarget) setKey(field, key string) { t[field] = key }

func (n *naming) object(object map[string]any) error {
	if err := n.nameChat(textOf(object[chatField]), mapTarget(object)); err != nil {
		return err
	}
	for _, field := range primaryFields {
		text := textOf(object[field])
		if text == "" {
			continue
		}
		if err := n.namePerson(text, mapTarget(object)); err != nil {
			return err
		}
		if _, known := object["contact_key"]; !known {
			object["contact_key"] = nil // a sender that is not a person
		}
		break
	}
	for field, value := range object {
		if text := textOf(value); text != "" {
			if !personFields[field] {
				continue
			}
			name, err := n.address(text)
			if err != nil {
				return err
			}
			object[field] = name
			continue
		}
		if err := n.member(object, field, value); err != nil {
			return err
		}
	}
	return nil
}

// member rewrites the addresses inside a member of an object.
func (n *naming) member(object map[string]any, field string, value any) error {
	v := reflect.ValueOf(value)
	switch {
	case !v.IsValid() || v.Kind() == reflect.String:
		return nil
	case v.Kind() == reflect.Struct: // a copy, which can be modified
		inner := reflect.New(v.Type())
		inner.Elem().Set(v)
		if err := n.walk(inner); err != nil {
			return err
		}
		object[field] = inner.Elem().Interface()
		return nil
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String && personFields[field]:
		return n.rename(v)
	}
	return n.walk(v)
}

// textOf returns the text of a member, "" if it is not a text.
func textOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case *string:
		if v != nil {
			return *v
		}
	}
	return ""
}

// fill sets the collected keys and returns the aliases to announce.
func (n *naming) fill(keys *people.Keys, owner string) ([]people.Join, error) {
	if len(n.slots) == 0 {
		return nil, nil
	}
	people := make([]wa.Person, len(n.slots))
	for i, slot := range n.slots {
		people[i] = slot.who
	}
	found, joined, err := keys.Keys(n.ctx, owner, people)
	if err != nil {
		return nil, err
	}
	for i, slot := range n.slots {
		slot.set(found[i])
	}
	return joined, nil
}

// name rewrites the addresses in the data of an event.
func (t *translation) name(data any) error {
	n := &naming{ctx: t.ctx, known: t.known, lids: t.addressBook()}
	if err := n.apply(data); err != nil {
		return err
	}
	joined, err := n.fill(t.s.b.keys, t.s.owner)
	if err != nil {
		return err
	}
	for _, j := range joined {
		if err := t.emitAlias(j.Person, j.Alias); err != nil {
			return err
		}
	}
	return nil
}

// ownTranslation returns a translation for events that do not come from whatsmeow.
func (s *Session) ownTranslation(ctx context.Context) *translation {
	t := &translation{s: s, ctx: ctx, settings: s.Settings()}
	if device, err := s.paired(ctx); err == nil {
		t.lids = device.LIDs
	}
	return t
}

// NameResult rewrites the chats and people in result, a pointer, as in events. After an error the result stays as it
// is, because the reported operation has been performed.
func (s *Session) NameResult(ctx context.Context, result any) {
	if t := reflect.TypeOf(result); t == nil || !holdsNames(t) {
		return
	}
	t := s.ownTranslation(ctx)
	err := t.name(result)
	if err == nil && len(t.records) > 0 { // keys were merged
		_, err = s.b.journal.Append(ctx, s.id, t.records...)
	}
	if err != nil && ctx.Err() == nil {
		s.log().Warn("the chats and people in a result could not be named", "error", err)
	}
}
