package redis

import (
	"strconv"
	"testing"

	"github.com/waystation/waystation/transports/brokertest"
)

func TestContract(t *testing.T) {
	brokertest.SinkContract(t, func(t *testing.T) brokertest.ContractBroker {
		server := brokertest.Redis(t, brokertest.RedisOptions{Persist: true})
		client := reader(t, server)
		return brokertest.ContractBroker{
			Open: func() brokertest.ContractSink { return open(t, Config{URL: server.URL(), Stream: "events"}) },
			Receive: func() (list []brokertest.Received) {
				entries, err := client.XRange(t.Context(), "events", "-", "+").Result()
				if err != nil {
					t.Error(err)
				}
				for _, e := range entries {
					offset, _ := strconv.ParseUint(e.Values["offset"].(string), 10, 64)
					list = append(list, brokertest.Received{
						Session: e.Values["session"].(string), Offset: offset, ID: e.Values["id"].(string), Body: e.Values["payload"].(string),
					})
				}
				return list
			},
			Stop: server.Kill, Start: func() { server.Start(t) },
		}
	})
}
