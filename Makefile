# Bare `make` lists the targets. Each sets up what it needs by itself.
#
# What a person gives is data: no recipe names a variable that one can give, on make's command line or in the
# environment, and none is expanded here. A program reads it from its environment; THREEWAYS_TAKES tells it which of
# them its target takes. `$(value X)` is X as it was given. What this file defines for itself is `override`.
# gnu.org/software/make/manual/html_node/Value-Function.html

# What is given on make's command line. It comes first, while what is below has not been defined. The loops' own
# variable hides one that is given, so that is asked for outside of them.
override GIVEN := $(if $(findstring command,$(origin _)),_) \
	$(foreach _,$(.VARIABLES),$(if $(findstring command,$(origin $(_))),$(_)))

override .DEFAULT_GOAL := help
.PHONY: help setup run review watch torture replay web batch train retrain monitor test quality validate doctor plan bench bench-check bench-growth bench-consumers \
	bench-image bench-web bench-batch bench-join digest check import wheel \
	image web-image invoke start-lambda integration-test image-size deploy rollback destroy promote demote recalibrate sbom audit base mlflow lock clean
override SHELL := /bin/bash
override .SHELLFLAGS := -eu -o pipefail -c

# What each target takes. Another name on the command line, a misspelt one above all, is refused.
TAKES_run := N RATE EVENTS RIDES ACTUAL ID SHARDS POISON TOLERATE SYSTEM CONSUMERS FAN_OUT PAUSE PAGE LIFE MODEL SHA256
TAKES_torture := N SEED FAULTS EVENTS RIDES ACTUAL ID TOLERATE MODEL SHA256 SYSTEM CONSUMERS
TAKES_replay := FROM FUNCTION YES MODEL SHA256
TAKES_watch := PORT
TAKES_web := PORT MODEL SHA256
TAKES_batch := EVENTS RIDES PREDICTIONS FROM TO LAST LOOKBACK TABLE ID TIME ACTUAL SAME_SOURCE ENGINE REPORT TOLERATE MODEL SHA256
TAKES_monitor := COUNTS EVENTS TABLE LABELS QUARANTINE REFERENCE DAYS WINDOW OUT HTML ID TIME ACTUAL FAIL_ON_DRIFT MODEL SHA256
TAKES_train := DATA VALIDATION
TAKES_retrain := DATA HOLDOUT WINDOW HALF_LIFE BECAUSE PROMOTE POINTER MODEL SHA256
TAKES_test := ARGS
TAKES_validate := TEMPLATE
TAKES_review := KEY ALLOW REMOVE BY BECAUSE SERVE PORT JOIN STACK TABLE VERDICTS REGION YES
TAKES_doctor := TEMPLATE STACK RATE KEY_RATE BYTES
TAKES_plan := RATE SHARDS MEMORY ARCH CONSUMERS JOIN MODEL SHA256
TAKES_bench-image := IMAGES
TAKES_bench-batch := ROWS MONTH FLAT
TAKES_digest := MODEL
TAKES_check := MODEL SHA256
TAKES_compare := CHAMPION CHALLENGER ACTUALS ACTUAL ID
TAKES_import := FILE NAME EXAMPLES SHA256 ID METHOD
TAKES_image := TARGET ARCH TAG
TAKES_web-image := ARCH TAG
TAKES_invoke := EVENT IMAGE MODEL SHA256
TAKES_start-lambda := PORT IMAGE MODEL SHA256
TAKES_integration-test := EMULATOR TARGET IMAGE FUNCTION YES
TAKES_mlflow := PORT
TAKES_deploy := STACK REGION FOLLOW YES MODEL SHA256 IMAGE PARAMETERS REPOSITORY AT_ONCE NO_EVENT NO_RIDE EVENTS_FROM JOIN VERDICTS_FROM
TAKES_rollback := STACK REGION YES TO NO_EVENT NO_RIDE
TAKES_destroy := STACK REGION YES
TAKES_promote := MODEL SHA256 POINTER TO EVENTS DATA ACTUAL ID BY BECAUSE FORCE YES
TAKES_demote := POINTER TO BY BECAUSE YES
TAKES_recalibrate := POINTER EVENTS DATA ACTUAL ID BY BECAUSE YES
# What the environment says just as well: see 'Environment' in README.md.
override ENVIRONMENT := TASK MODEL_LOCATION MODEL_BUCKET MODEL_SHA256 MODEL_RUNTIME RUN_ID MODEL_NAME EVENT_ID FOLLOW FOLLOW_SECONDS MODERATION_POLICY MLFLOW_% \
	WEB_HOST WEB_PORT WEB_SECONDS WEB_GATHER WEB_DRAIN WEB_CONNECTIONS WEB_HEADER_KIB WEB_REQUEST_MIB WEB_ANSWER_MIB AWS_% POWERTOOLS_% OMP_NUM_THREADS COLUMNS \
	PYTHON313 PYTHON% PYENV_% PIP_% LOCALSTACK_% DOCKER_% SAM_% JAVA_HOME SPARK_% PG%
override GOALS := $(or $(value MAKECMDGOALS),help)
override TAKEN := $(foreach _,$(GOALS),$(value TAKES_$(_)))
override UNKNOWN := $(sort $(filter-out $(ENVIRONMENT) $(TAKEN),$(GIVEN)) $(filter PYTHON,$(GIVEN)) \
	$(foreach _,$(GIVEN),$(findstring $$,$(_))))
ifneq ($(UNKNOWN),)
$(error 'make $(GOALS)' takes no $(UNKNOWN); it takes $(or $(TAKEN),nothing) and README.md's environment)
endif

# A variable of the command line is expanded when it is exported to a recipe, whether a recipe names it or not.
$(foreach _,$(GIVEN),$(eval override $(_) := $$(value $(_)))$(eval export $(_)))

ifneq ($(and $(value EVENTS),$(value RIDES)),)
$(error EVENTS= and RIDES= are the same: give one of them)
endif
# The deployment, digest, check and promote take MODEL= by itself; to the others it is the short name of MODEL_LOCATION.
ifneq ($(filter-out deploy digest check promote,$(GOALS)),)
ifneq ($(and $(value MODEL),$(value MODEL_LOCATION)),)
$(error MODEL= and MODEL_LOCATION= are the same: give one of them)
endif
endif

# Errors name Make's variables, not the flags that they become.
override export THREEWAYS_MAKE := true
override export THREEWAYS_TAKES = $(value TAKES_$@)

override VENV := .venv
override PYTHON := $(VENV)/bin/python
override READY := $(VENV)/.ready
override PIPENV := PIPENV_IGNORE_VIRTUALENVS=1 PIPENV_VENV_IN_PROJECT=1 PIPENV_VERBOSITY=-1 $(PYTHON) -m pipenv

# A Python 3.13: PYTHON313=…, python3.13, pyenv's newest, or a python3 that is one.
override FIND_PYTHON = for candidate in "$${PYTHON313:-}" python3.13 \
	$$(ls -d "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13*/bin/python3.13 2>/dev/null | sort -Vr) python3 python; do \
	[ -n "$$candidate" ] || continue; \
	if "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; \
	then echo "$$candidate"; exit 0; fi; done; \
	echo "No Python 3.13 was found. Get one with 'pyenv install 3.13', 'uv python install 3.13', your system's" >&2; \
	echo "package manager (python3.13 and python3.13-venv) or python.org, or name one: make setup PYTHON313=/path" >&2; \
	exit 1

help: ## list the targets
	@echo "One model, three ways. 'make run' is the one to try first."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## install everything into .venv (the other targets do it by themselves)
	@echo "Ready: $$($(PYTHON) --version) in $(VENV). Next: make run"

$(READY): Pipfile Pipfile.lock
	@python=$$($(FIND_PYTHON)); "$$python" tools/setup_venv.py

run: $(READY) ## events in, predictions out, on this machine (N= RATE= EVENTS= ACTUAL= ID= SHARDS= POISON= TOLERATE= SYSTEM=moderation CONSUMERS="a b" FAN_OUT= PAUSE= PAGE=1 LIFE=1 MODEL= TASK=)
	@$(PYTHON) -m threeways run

torture: $(READY) ## the same under throttles, resets, kills and resharding; nothing may be lost (N= SEED= FAULTS= EVENTS= TOLERATE= SYSTEM= CONSUMERS= MODEL= TASK=)
	@$(PYTHON) -m threeways torture

replay: $(READY) ## score again what is in quarantine or at a failure destination (FROM= FUNCTION= YES=1)
	@$(PYTHON) -m threeways replay

review: $(READY) ## what a join leaves to people, and their verdicts (STACK= SERVE=1 PORT=8091, or KEY= ALLOW=1 or REMOVE=1 BY= BECAUSE=, JOIN= TABLE= VERDICTS= REGION= YES=1)
	@exec $(PYTHON) -m threeways review

watch: $(READY) ## a page of the run that goes on here, on 127.0.0.1, until Ctrl-C (PORT=8090)
	@exec $(PYTHON) -m threeways watch

web: $(READY) ## the model as a web service with a page, on 127.0.0.1, until Ctrl-C (PORT=8080 MODEL= TASK=)
	@exec $(PYTHON) -m threeways web

export REPORT ?= .local/batch-report.html

# Spark is a quarter of a gigabyte and needs Java: it comes when it is asked for.
$(VENV)/.spark: Pipfile.lock | $(READY)
	@echo "Installing Spark, once: a minute or two"
	@$(PIPENV) sync --categories spark > .local/setup-spark.log 2>&1 || { tail -15 .local/setup-spark.log; exit 1; }
	@touch $@

batch: $(READY) $(if $(filter spark,$(value ENGINE)),$(VENV)/.spark) ## a table of events in, a table of predictions out (EVENTS= PREDICTIONS= FROM= TO= LAST= LOOKBACK= TABLE= ID= TIME= ACTUAL= SAME_SOURCE=1 ENGINE=spark REPORT= TOLERATE= MODEL= TASK=)
	@$(PYTHON) -m threeways batch

# ADWIN alone needs it, so that without a package index the rest is monitored all the same.
$(VENV)/.monitor: Pipfile.lock | $(READY)
	@echo "Installing river, once"
	@if $(PIPENV) sync --categories monitor > .local/setup-monitor.log 2>&1; then touch $@; \
	else echo "river can't be installed (.local/setup-monitor.log): changes of the error are not looked for"; fi

monitor: $(READY) $(VENV)/.monitor ## what changed since the model was trained, as a report (COUNTS= EVENTS= LABELS= QUARANTINE= REFERENCE= DAYS=28 WINDOW=day OUT= HTML= TABLE= ID= TIME= ACTUAL= FAIL_ON_DRIFT=1 MODEL= TASK=)
	@$(PYTHON) -m threeways monitor

train: $(READY) ## train, track and register the model (DATA= VALIDATION= TLC parquet; default: a synthetic city)
	@$(PYTHON) -m threeways train

retrain: $(READY) ## a challenger out of the newest labelled events, judged against the champion (DATA= HOLDOUT= WINDOW= HALF_LIFE= BECAUSE= PROMOTE=1 POINTER=s3://… MODEL= TASK=)
	@$(PYTHON) -m threeways retrain

# Tests run at once, on each core up to four; ARGS=-n0 and --pdb run them in one process, for a person to follow.
test: $(READY) ## run the tests (ARGS= pytest's own: -n0, -k, --pdb, --exhaustive, --torture-full)
	@$(PYTHON) tools/run_tests.py

quality: $(READY) ## ruff (lint and format), mypy --strict, import-linter
	@echo "ruff check"; $(PYTHON) -m ruff check
	@echo "ruff format --check"; $(PYTHON) -m ruff format --check
	@echo "mypy --strict"; $(PYTHON) -m mypy
	@echo "import-linter"; $(VENV)/bin/lint-imports --no-cache | sed -n '/^Contracts$$/,$$p'
	@echo "quality: all clean"

validate: $(READY) .venv-sam/.ready .venv-checkov/.ready .venv-workflows/.ready ## SAM CLI, cfn-lint, checkov and doctor over the template, zizmor over the workflows (TEMPLATE=)
	@$(PYTHON) tools/validate.py

doctor: $(READY) ## what will bite a consumer of Kinesis, in any template or deployed stack (TEMPLATE= or STACK=, RATE=, KEY_RATE=)
	@$(PYTHON) -m threeways doctor

plan: $(READY) ## what a deployment needs and costs at RATE= events a second, and what breaks first (SHARDS= MEMORY= ARCH= TASK= CONSUMERS= JOIN= MODEL=)
	@$(PYTHON) -m threeways plan

bench: $(READY) ## cold start, memory and the handler against one MLflow predict and one put a record: five minutes
	@$(PYTHON) -m benchmarks.bench

bench-check: $(READY) ## fails if a ratio that `make bench` found is worse than the committed one
	@$(PYTHON) -m benchmarks.check

bench-growth: $(READY) ## batches of 1 to 10,000, shards of 1 to 16, artifacts of 1 to 200 MB
	@$(PYTHON) -m benchmarks.growth

bench-consumers: $(READY) ## one stream's consumers: beside one that fails in five ways, and ten beside one alone
	@$(PYTHON) -m benchmarks.consumers

bench-image: $(READY) ## the same cold start in the images, `docker run` to the first batch (IMAGES='three-ways three-ways-fast')
	@$(PYTHON) -m benchmarks.image_start

bench-web: $(READY) ## the web service against Flask and MLflow's pyfunc
	@$(PYTHON) benchmarks/web.py

bench-join: $(READY) ## a join's keys a second, memory and cold start, beside boto3's
	@$(PYTHON) -m benchmarks.joining

bench-batch: $(READY) ## time the batch job against pandas, dicts and one pyfunc predict (ROWS= MONTH=trips.parquet FLAT=10000000)
	@$(PYTHON) benchmarks/batch.py

digest: $(READY) ## print the SHA-256 that pins a model artifact (MODEL=folder or s3://…)
	@$(PYTHON) -m threeways digest

check: $(READY) ## whether the function would start with a model, with the image's packages alone (MODEL=folder or s3://… TASK= MODEL_SHA256=)
	@$(PYTHON) -m threeways check

compare: $(READY) ## a champion and its shadow on the same events: how far apart, whose error is smaller (CHAMPION= CHALLENGER= ACTUALS= ACTUAL= ID= TASK=)
	@$(PYTHON) -m threeways compare

import: $(READY) ## log and register a model that is only a pickle (FILE=lin_reg.bin NAME= EXAMPLES=rows.parquet SHA256= ID= METHOD=)
	@$(PYTHON) -m threeways import

image: $(READY) ## build the Lambda function's image and tell its size (TARGET=fast function frame web batch join, ARCH=x86_64 arm64, TAG=)
	@$(PYTHON) -m threeways image

web-image: $(READY) ## build the web service's image (ARCH=, TAG=)
	@$(PYTHON) -m threeways image --target web

# pip gets what builds it, in an environment of its own.
wheel: $(READY) ## build the installable package into dist/
	@rm -rf dist
	@$(PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls dist/*.whl

.venv-sam/.ready .venv-checkov/.ready .venv-workflows/.ready .venv-localstack/.ready .venv-audit/.ready .venv-lock/.ready: \
.venv-%/.ready: tools/setup_tool.py tools/locks/%.txt | $(READY)
	@$(PYTHON) tools/setup_tool.py $*

invoke: $(READY) .venv-sam/.ready ## one event through the image, under SAM CLI (EVENT=good mixed poison empty kpl generated or a file, MODEL= TASK=)
	@$(PYTHON) -m threeways invoke

start-lambda: $(READY) .venv-sam/.ready ## the image as an endpoint for AWS SDKs, under SAM CLI, until Ctrl-C (PORT= MODEL= TASK=)
	@$(PYTHON) -m threeways start-lambda

integration-test: $(READY) ## the image against EMULATOR=moto, localstack or aws (TARGET=fast, IMAGE= FUNCTION= YES=1)
	@$(PYTHON) -m threeways integration-test

deploy: $(READY) .venv-sam/.ready ## the stack into your AWS account, an event through it (STACK= REGION= MODEL= SHA256= TASK= FOLLOW=s3://… EVENTS_FROM= JOIN= VERDICTS_FROM= PARAMETERS= IMAGE= AT_ONCE=1 YES=1)
	@$(PYTHON) -m threeways deploy

rollback: $(READY) .venv-sam/.ready ## back to the deployment before, at once (STACK= REGION= TO= YES=1)
	@$(PYTHON) -m threeways rollback

promote: $(READY) ## have a model serve wherever a pointer is followed, if it is no worse (MODEL=models:/name/7 POINTER=s3://… EVENTS= ACTUAL= TO= BY= BECAUSE= FORCE=1 TASK= SHA256= YES=1)
	@$(PYTHON) -m threeways promote

demote: $(READY) ## back to the model before, at once (POINTER=s3://… BY= BECAUSE= YES=1)
	@$(PYTHON) -m threeways demote

recalibrate: $(READY) ## fit the serving model's intervals to the newest labels, without retraining (POINTER=s3://… EVENTS= ACTUAL= ID= BY= BECAUSE= TASK= YES=1)
	@$(PYTHON) -m threeways recalibrate

destroy: $(READY) ## remove the stack; its buckets stay (STACK= REGION= YES=1)
	@$(PYTHON) -m threeways destroy

image-size: $(READY) ## both targets' sizes over their base, beside the usual image's
	@$(PYTHON) benchmarks/image_size.py

sbom: $(READY) .venv-audit/.ready ## a CycloneDX SBOM of each image's packages, in sbom/, from the lock
	@$(PYTHON) tools/sbom.py

audit: $(READY) .venv-audit/.ready ## known vulnerabilities of all locked packages, by pip-audit; status 3 where the index tells none
	@$(PYTHON) tools/audit.py

base: $(READY) ## pin the images' base by the digest that its registry has now (needs Docker)
	@$(PYTHON) tools/pin_base.py

mlflow: $(READY) ## MLflow's page of runs and models, on 127.0.0.1, its telemetry off, until Ctrl-C (PORT=5000)
	@exec $(PYTHON) tools/mlflow_page.py

lock: $(READY) .venv-lock/.ready ## resolve Pipfile anew into Pipfile.lock, with no package source in it
	@echo "Locking: about half a minute"
	@$(PIPENV) lock
	@$(PYTHON) -c 'import json, pathlib; p = pathlib.Path("Pipfile.lock"); lock = json.loads(p.read_text()); \
		lock["_meta"]["sources"] = []; \
		[package.pop("index", None) for name, part in lock.items() if name != "_meta" for package in part.values()]; \
		p.write_text(json.dumps(lock, indent=4) + "\n")'
	@$(PYTHON) tools/lock_tools.py
	@rm -f $(READY)
	@echo "Locked. 'make setup' installs it; then 'make sbom' writes what the images hold."

clean: ## remove .venv and its like, .local (runs, models), dist and caches
	rm -rf $(VENV) $(VENV)-* .local dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
