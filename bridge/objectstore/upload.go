package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Job is a pending upload of a file.
type Job struct {
	Session string
	Place   Place
	Ref     string // of the message, unique in its session
	Object  string // key of the future object
	About   []byte // data for Files
	Created time.Time

	id       int64
	lane     string
	due      time.Time
	attempts int
}

// File is a file to upload. Content is read once and closed; an *os.File is sent in parts without buffers.
type File struct {
	Content  io.ReadCloser
	Size     int64
	MimeType string
	Filename string
}

// Outcome is the result of a job.
type Outcome struct {
	Delivery Delivery // delivery in the event; base64 if the job was given up
	Object   *Object  // nil = not stored
	Error    *Error   // reason; nil = the file was not meant to be stored
}

// Object is a stored file.
type Object struct {
	Bucket   string
	Key      string
	URL      string
	Size     int64
	MimeType string
	Filename string
}

// Files is the source of files and the receiver of outcomes.
type Files interface {
	// Fetch returns the file of a job. A final *Error ends the job; after any other error the job is retried.
	Fetch(ctx context.Context, j *Job) (*File, error)
	// Done reports the outcome of a job. It calls commit once, in the transaction that writes the report. If the job no
	// longer exists, commit is a no-op and returns false, and Done must not report anything. ErrGone means that the
	// session is deleted or is another one of the same id.
	Done(ctx context.Context, j *Job, o *Outcome, commit func(ctx context.Context) (wanted bool, err error)) error
}

// Plan returns the storages that files of the session go to now. A storage whose lane is full is returned in full
// instead.
func (s *Storage) Plan(session string) (places, full []Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add := func(place Place) {
		if s.waiting[laneOf(place, session)] >= s.cfg.MaxWaiting {
			full = append(full, place)
			return
		}
		places = append(places, place)
	}
	if own := s.settings[session]; own != nil && own.Enabled {
		add(PlaceSession)
	}
	if s.global.Enabled {
		add(PlaceGlobal)
	}
	return places, full
}

// Add enqueues a file in the transaction of ctx. extension is the extension of the object's name. Call Wake after the
// commit.
func (s *Storage) Add(ctx context.Context, session string, place Place, ref, extension string, about []byte) error {
	now := s.cfg.Now().UTC()
	_, err := s.store.addJob(ctx, &Job{
		Session: session, Place: place, Ref: ref, About: about, Created: now, lane: laneOf(place, session),
		Object: session + now.Format("/2006/01/02/") + randomName() + extension,
	})
	return err
}

// Wake wakes the lane of a file after Add was committed.
func (s *Storage) Wake(session string, place Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := laneOf(place, session)
	s.waiting[name]++
	s.wakeLane(name)
}

// lane uploads its files one by one.
type lane struct {
	name    string
	wake    chan struct{}
	failing int    // consecutive failed attempts of the storage
	last    *Error // the last error of those attempts
}

// wakeLane wakes the goroutine of a lane, and starts it if it is not running. The caller holds s.mu.
func (s *Storage) wakeLane(name string) {
	if s.files == nil || s.ctx.Err() != nil {
		return
	}
	if l := s.lanes[name]; l != nil {
		select {
		case l.wake <- struct{}{}:
		default:
		}
		return
	}
	l := &lane{name: name, wake: make(chan struct{}, 1)}
	s.lanes[name] = l
	s.running.Go(func() { s.run(l) })
}

// run executes the jobs of a lane and returns after the last one.
func (s *Storage) run(l *lane) {
	for s.ctx.Err() == nil {
		job, err := s.store.nextJob(s.ctx, l.name)
		switch {
		case err != nil:
			s.cfg.Log.Error("files that wait to be stored could not be read", "error", err)
			s.wait(l.wake, s.cfg.RetryMax)
		case job == nil:
			if s.endLane(l) {
				return
			}
		case job.due.After(s.cfg.Now()):
			s.wait(l.wake, job.due.Sub(s.cfg.Now()))
		default:
			if pause := s.work(l, job); pause > 0 {
				s.wait(nil, pause)
			}
		}
	}
}

// endLane ends a lane unless it was woken meanwhile.
func (s *Storage) endLane(l *lane) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-l.wake:
		return false
	default:
	}
	delete(s.lanes, l.name)
	delete(s.waiting, l.name)
	return true
}

func (s *Storage) wait(wake <-chan struct{}, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-s.ctx.Done():
	}
}

// pause returns the pause after the given number of failures.
func (s *Storage) pause(failures int) time.Duration {
	return min(s.cfg.RetryMin<<min(failures-1, 16), s.cfg.RetryMax)
}

// work executes one job. It returns the pause before the lane's next request to its storage.
func (s *Storage) work(l *lane, j *Job) (pause time.Duration) {
	defer func() {
		if cause := recover(); cause != nil {
			s.cfg.Log.Error("storing a file panicked", "session", j.Session, "panic", fmt.Sprint(cause))
			s.delay(j)
		}
	}()
	target := s.target(j.Place, j.Session)
	old := s.cfg.Now().Sub(j.Created) >= s.cfg.GiveUp
	switch {
	case target == nil:
		s.finish(j, nil, &Outcome{Delivery: DeliveryBase64})
		return 0
	case old && l.failing > 0:
		s.finish(j, target, &Outcome{Delivery: DeliveryBase64, Error: l.last})
		return 0
	}
	release, err := s.slot(l.failing > 0)
	if err != nil {
		return 0
	}
	outcome, fromFile := s.attempt(j, target)
	release()
	if s.ctx.Err() != nil {
		return 0
	}
	problem := outcome.Error
	if !fromFile {
		s.note(standingOf(j), problem)
		if l.failing, l.last = l.failing+1, problem; problem == nil {
			l.failing = 0
		}
	}
	switch {
	case problem == nil:
		s.finish(j, target, outcome)
	case problem.Final, old:
		s.finish(j, target, &Outcome{Delivery: DeliveryBase64, Error: problem})
	case fromFile:
		s.delay(j)
	default:
		s.cfg.Log.Warn("a file could not be stored; it is tried again", "session", j.Session, "storage", string(j.Place), "error", problem.Message)
		s.delay(j)
		return s.pause(l.failing)
	}
	return 0
}

func standingOf(j *Job) string {
	if j.Place == PlaceGlobal {
		return ""
	}
	return j.Session
}

// slot waits for an upload slot. Failing storages get at most half of the slots, so that they do not delay other
// storages.
func (s *Storage) slot(suspect bool) (release func(), err error) {
	take := func(places chan struct{}) error {
		select {
		case places <- struct{}{}:
			return nil
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	if !suspect {
		return func() { <-s.slots }, take(s.slots)
	}
	if err = take(s.suspects); err == nil {
		if err = take(s.slots); err != nil {
			<-s.suspects
		}
	}
	return func() { <-s.slots; <-s.suspects }, err
}

// attempt fetches a file and uploads it; fromFile means that no request was sent to the storage.
func (s *Storage) attempt(j *Job, target *Settings) (o *Outcome, fromFile bool) {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.UploadTimeout)
	defer cancel()
	file, err := s.files.Fetch(ctx, j)
	if err != nil {
		return &Outcome{Error: fileError(err)}, true
	}
	defer file.Content.Close()
	if file.Size > s.cfg.MaxBytes {
		return &Outcome{Error: &Error{
			Reason: ReasonTooLarge, Field: "media", Message: fmt.Sprintf("the file has %d bytes, stored are %d at most", file.Size, s.cfg.MaxBytes), Final: true,
		}}, true
	}
	if !target.Delivery.stores() {
		return &Outcome{Delivery: target.Delivery}, true
	}
	c, err := s.client(j.Place, target)
	if err == nil {
		err = c.put(ctx, j.Object, file, j.attempts > 0 || j.Created.Before(s.opened))
	}
	if err != nil {
		return &Outcome{Error: explain(err)}, false
	}
	return &Outcome{Delivery: target.Delivery, Object: &Object{
		Bucket: target.Bucket, Key: j.Object, URL: target.url(j.Object), Size: file.Size, MimeType: file.MimeType, Filename: file.Filename,
	}}, false
}

// fileError returns the error of a file that could not be fetched.
func fileError(err error) *Error {
	problem := explain(err)
	if problem.Field != "media" {
		problem = &Error{Reason: ReasonFile, Field: "media", Message: "the file could not be fetched from WhatsApp", Err: err}
	}
	return problem
}

// delay schedules a retry of a job.
func (s *Storage) delay(j *Job) {
	if err := s.store.delayJob(s.ctx, j.id, s.cfg.Now().Add(s.pause(j.attempts+1))); err != nil && s.ctx.Err() == nil {
		s.cfg.Log.Error("a file that waits to be stored could not be put back", "session", j.Session, "error", err)
		s.wait(nil, s.cfg.RetryMin)
	}
}

// finish ends a job and reports its outcome.
func (s *Storage) finish(j *Job, target *Settings, o *Outcome) {
	wanted := true
	err := s.files.Done(s.ctx, j, o, func(ctx context.Context) (_ bool, err error) {
		if wanted, err = s.store.endJob(ctx, j.id); err != nil || !wanted || o.Object == nil {
			return wanted, err
		}
		return true, s.store.addObject(ctx, j, target, o.Object.Size, s.cfg.Now())
	})
	if errors.Is(err, ErrGone) {
		wanted = false
		_, err = s.store.endJob(s.ctx, j.id)
	}
	switch {
	case err != nil && s.ctx.Err() == nil:
		s.cfg.Log.Error("what became of a file could not be recorded; it is stored again", "session", j.Session, "error", err)
		s.delay(j)
		return
	case err != nil:
		return // the next Start resumes the job
	}
	if !wanted && o.Object != nil {
		s.takeBack(j, target)
	}
	s.mu.Lock()
	if s.waiting[j.lane] > 0 {
		s.waiting[j.lane]--
	}
	s.mu.Unlock()
}

// takeBack deletes the uploaded object of a session that was deleted during the upload.
func (s *Storage) takeBack(j *Job, target *Settings) {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.TestTimeout)
	defer cancel()
	c, err := s.client(j.Place, target)
	if err == nil {
		_, err = c.remove(ctx, []*stored{{object: j.Object}})
	}
	if err != nil {
		s.cfg.Log.Warn("an object of a deleted session could not be deleted", "session", j.Session, "error", explain(err).Message)
	}
}
