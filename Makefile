# yodel: the two commands a newcomer needs are `make demo` and `make test`.
# The lines that begin with a colon are the help.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X github.com/yodel-mesh/yodel/node.Version=$(VERSION)

#: build        bin/yodel, static
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/yodel .

#: demo         five real agents on this machine: join, check, resolve, fail (no root needed)
demo: build
	$(GO) run ./demo bin/yodel

#: test         all tests with the race detector, then the lab (root; else it says why it is skipped)
test: vet
	$(GO) test -race -timeout 15m $$($(GO) list ./... | grep -v /lab$$)
	$(GO) test -count 1 -timeout 25m -v ./lab

#: short        the quick half of the tests
short:
	$(GO) test -short -timeout 5m ./...

#: race         as test, twice, in another order
race:
	$(GO) test -race -count 2 -shuffle on -timeout 25m ./...

#: lint         gofmt, vet, staticcheck
lint: vet
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -d $$(git ls-files '*.go'); exit 1; }
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

vet:
	$(GO) vet ./...

#: fuzz         every fuzz test for FUZZTIME (30s)
FUZZTIME ?= 30s
fuzz:
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
	  echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; done; done

#: lab          real agents in network namespaces of their own (root, iproute2, nftables)
lab: build
	$(GO) test -count 1 -timeout 30m -v ./lab -yodel $(CURDIR)/bin/yodel

#: sim          random trouble for long, fresh seeds: real nodes in virtual time (SIMRUNS=200)
SIMRUNS ?= 200
sim: build
	bin/yodel sim trouble --runs $(SIMRUNS)
	bin/yodel sim trouble --runs $(SIMRUNS) --disk

#: bench        benchmarks of every package
bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

#: bench-dns    our DNS beside CoreDNS and others, CPU per query
bench-dns:
	$(GO) run ./bench/dns

#: bench-footprint  what an idle agent of 300 members costs, beside the serf agent
bench-footprint: build
	$(GO) run ./bench/footprint

#: bench-scale  what 100 to 30,000 nodes would do and cost, by the model; the plots in bin/scale.html
bench-scale:
	@mkdir -p bin
	$(GO) run ./bench/scale -html bin/scale.html

#: deb rpm      packages in dist/
deb rpm: build
	VERSION=$(if $(filter v%,$(VERSION)),$(VERSION),) deploy/package.sh $@

#: cover        which lines the tests reach, as cover.html
cover:
	$(GO) test -coverprofile cover.out ./... && $(GO) tool cover -html cover.out -o cover.html

#: help         this
help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

.PHONY: sim build demo test short race lint vet fuzz lab bench bench-dns bench-footprint bench-scale cover deb rpm help
