package chaos

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestAutomaticMessagesSurviveKills kills the server repeatedly while a job sends to many recipients and while schedules become due: each
// recipient gets the message of the job once and its schedule once, and no message is lost.
func TestAutomaticMessagesSurviveKills(t *testing.T) {
	dbtest.OnEach(t, func(t *testing.T, database string) {
		killWhileAutomatic(t, database, testkit.ChooseSize(40, 500), testkit.ChooseSize(3, 10))
	})
}

// automaticJob is what job.get returns.
type automaticJob struct {
	Job struct {
		Status string `json:"status"`
		Sent   int    `json:"sent"`
		Failed int    `json:"failed"`
	} `json:"job"`
	Recipients []struct {
		To        string `json:"to"`
		Status    string `json:"status"`
		MessageID string `json:"message_id"`
	} `json:"recipients"`
}

func killWhileAutomatic(t *testing.T, database string, recipients, kills int) {
	const session, own, bulk, schedules = "automatic", "15550100001", "news for all", 5
	network, root := e2etest.StartSandbox(t)
	dataDir, addr := t.TempDir(), testkit.FreeAddress(t)
	start := func() *e2etest.Process {
		return e2etest.StartServer(t, addr, network, root, dataDir, database, "-governor-pause-min", "0", "-governor-pause-max", "0",
			"-governor-per-minute", "0", "-governor-per-hour", "0", "-governor-per-day", "0", "-calls-per-second", "10000", "-call-burst", "10000")
	}
	server := start()
	e2etest.PairSession(t, server, network, session, own)
	numbers := make([]string, recipients)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("15550%06d", 200000+i)
		e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": numbers[i], "push_name": "Reader"}, nil)
	}
	var job struct {
		ID string `json:"job_id"`
	}
	began := time.Now()
	e2etest.MustCall(t, server.Addr, "message.sendBulk", object{
		"session": session, "recipients": numbers, "content": object{"type": "text", "text": bulk}, "delay_seconds": 0, "jitter_seconds": 0,
	}, &job)
	for i := range schedules {
		e2etest.MustCall(t, server.Addr, "schedule.create", object{
			"session": session, "to": numbers[i], "content": object{"type": "text", "text": scheduledText(i)}, "send_at": time.Now().Add(time.Duration(i) * time.Second),
		}, nil)
	}
	get := func() (j automaticJob) {
		e2etest.MustCall(t, server.Addr, "job.get", object{"session": session, "job_id": job.ID}, &j)
		return j
	}
	for k := range kills {
		after := recipients*k/(kills+1) + rand.IntN(recipients/(kills+1))
		testkit.Within(t, 2*time.Minute, "some of the job is sent", func() bool { return get().Job.Sent >= after })
		<-time.After(rand.N(20 * time.Millisecond)) // in the middle of a send
		server.Kill()
		server = start()
	}
	testkit.Within(t, 3*time.Minute, "the end of the job", func() bool { return get().Job.Status == "completed" })
	testkit.Within(t, time.Minute, "the end of the schedules", func() bool {
		var list struct {
			Schedules []object `json:"schedules"`
		}
		e2etest.MustCall(t, server.Addr, "schedule.list", object{"session": session, "status": "sent"}, &list)
		return len(list.Schedules) == schedules
	})
	took := time.Since(began)

	end := get()
	if end.Job.Sent != recipients || len(end.Recipients) != recipients {
		t.Errorf("job %+v with %d recipients", end.Job, len(end.Recipients))
	}
	once := func(number, text, id string) {
		t.Helper()
		var got struct {
			Messages []struct {
				MessageID string `json:"message_id"`
			} `json:"messages"`
		}
		testkit.Within(t, 20*time.Second, number+" has "+text, func() bool {
			e2etest.MustCall(t, network.Addr, "sandbox.listMessages", object{"account": number, "text": text}, &got)
			return len(got.Messages) > 0
		})
		if len(got.Messages) != 1 || id != "" && got.Messages[0].MessageID != id {
			t.Errorf("%s has %q as %v, want it once as %s", number, text, got.Messages, id)
		}
	}
	for i, r := range end.Recipients {
		once(numbers[i], bulk, r.MessageID)
	}
	for i := range schedules {
		once(numbers[i], scheduledText(i), "")
	}
	t.Logf("%d recipients, %d schedules, %d kills, %v", recipients, schedules, kills, took.Round(time.Millisecond))
	e2etest.CheckNetwork(t, network)
}

func scheduledText(i int) string { return fmt.Sprintf("reminder %d", i) }
