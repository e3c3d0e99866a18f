#!/usr/bin/env bash
# Everything that has to be seen on a GPU, in order of worth. Usage: benchmarks/gpu.sh OUT [PART …]
#
# Each part has a time limit and a log of its own in OUT; one that fails or runs out of time stops no other. The ends of
# the logs are printed last. Without a CUDA device, or with MVD_GPU_TINY=1, all parts run on the CPU with tiny sizes, so
# that the script can be checked anywhere. LIMIT_<part> in the environment sets a limit in seconds; with GPU_WORK, people and
# runs are kept in that folder, and a later call in which it is the same renders no people again.
#
#   card     the machine, and what it copies and multiplies a second
#   tests    pytest -m gpu
#   step     a training step of the recipe mvd, in several ways
#   embed    pictures a second from prepared arrays
#   run      people of SYSU-MM01's numbers: render, prepare, train, kill, resume, evaluate
#   step384  a training step of the recipe mvd-strong, 384×144
#   cvpr21   a training step of the recipe mvd-cvpr21
#   export   ONNX
#   more     further ways of a step, and a profile
# Only if named, since they take minutes:
#   strong   people as for run: train and evaluate the recipe mvd-strong
#   ladder   the paper's ladder of terms at the benchmark's size medium, several runs at a time
set -u
cd "$(dirname "$0")/.."
OUT=$(mkdir -p "$1" && cd "$1" && pwd)
shift
PARTS=${*:-card tests step embed run step384 cvpr21 export more}
PY=${PYTHON:-python3}
# A path that is given has packages that the machine lacks.
export PYTHONPATH="src:benchmarks:tests${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
TINY=${MVD_GPU_TINY:-$("$PY" -c 'import torch; print(int(not torch.cuda.is_available()))')}
if [ -n "${GPU_WORK:-}" ]; then
  mkdir -p "$GPU_WORK" && WORK=$(cd "$GPU_WORK" && pwd)
else
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT
fi

FAILED=0
SMALL="--arch resnet18 --base-width 8 --height 48 --width 24"
if [ "$TINY" = 1 ]; then
  DEVICE=cpu
  STEP="$SMALL --device cpu --identities 4 --pictures 2 --steps 2 --skipped 1"
  STEP_ROWS="plain fp32 bf16" MORE_ROWS="bf16-joint bf16-autotune" CVPR21_ROWS="plain bf16" STEP384="" STEP384_ROWS="bf16"
  EMBED="$SMALL --device cpu --count 64 --rows fp32-16 bf16-32"
  SYNTH="--train 16 --validation 4 --test 8 --pictures 2 --height 64"
  TRAIN="--recipe demo --data.height 48 --data.width 24 --model.base-width 8 --sampling.steps-per-epoch 10
    --schedule.epochs 4 --schedule.warmup-epochs 1 --runtime.validate-every 1 --runtime.checkpoint-minutes 0.01"
  SIZE="--height 48 --width 24" KILL_AFTER=150
  STRONG="--recipe mvd-strong --data.height 64 --data.width 32 --model.arch resnet18 --model.base-width 8
    --model.last-stride 2 --model.bottleneck-widths 16 16 --model.z-dim 16 --model.classifier-width 16
    --sampling.identities 4 --sampling.pictures 2 --sampling.steps-per-epoch 2 --schedule.epochs 2
    --schedule.warmup-epochs 1"
  STRONG_SIZE="--height 64 --width 32"
  LADDER_PEOPLE="$SYNTH" LADDER_SIZE="--height 48 --width 24"
  LADDER="--recipe demo --data.height 48 --data.width 24 --model.base-width 8 --sampling.steps-per-epoch 2
    --sampling.identities 4 --schedule.epochs 1 --schedule.warmup-epochs 0.5 --seeds 0 --workers 2"
else
  DEVICE=cuda
  STEP="--device cuda --steps 10 --skipped 8"
  STEP_ROWS=${STEP_ROWS:-"bf16-compile-graph bf16 bf16-graph plain bf16-compile bf16-compile-graph-tuned fp32 tf32"}
  MORE_ROWS=${MORE_ROWS:-"bf16-compile-graph-joint bf16-compile-graph-autotune"}
  CVPR21_ROWS=${CVPR21_ROWS:-"plain bf16-compile-graph"}
  STEP384="--height 384" STEP384_ROWS=${STEP384_ROWS:-"bf16-graph"}
  EMBED="--device cuda --rows ${EMBED_ROWS:-bf16-256 bf16-64 fp32-64}"
  SYNTH=${SYNTH:-"--like sysu-mm01"}
  # Five minutes of training, compiling included.
  TRAIN=${TRAIN:-"--recipe mvd --sampling.steps-per-epoch 150 --schedule.epochs 30 --schedule.warmup-epochs 1
    --runtime.validate-every 2 --runtime.checkpoint-minutes 0.5 --runtime.compile True"}
  SIZE="--height 288 --width 144 --decoder fast" KILL_AFTER=${KILL_AFTER:-100}
  STRONG=${STRONG:-"--recipe mvd-strong --sampling.steps-per-epoch 100 --schedule.epochs 30 --schedule.warmup-epochs 2
    --schedule.milestones 20 27 --runtime.validate-every 5"}
  STRONG_SIZE="--height 384 --width 144 --decoder fast"
  # The people of `mvd benchmark --size medium`, and the budget of mvd's twin there.
  LADDER_PEOPLE="--seed 20261126 --train 800 --validation 60 --test 150 --pictures 4 --height 160"
  LADDER_SIZE="--height 144 --width 72"
  LADDER=${LADDER:-"--recipe demo --data.height 144 --data.width 72 --model.base-width 32 --model.bottleneck-widths 512 256
    --model.z-dim 256 --model.classifier-width 256 --augment.erase 0.5 --augment.erase-area 0.02 0.4 --losses.metric centre
    --sampling.steps-per-epoch 125 --schedule.epochs 15 --schedule.warmup-epochs 1 --runtime.validate-every 15 --seeds 0 1 2
    --workers 5"}
fi

part() { # part NAME LIMIT COMMAND …: run a part if it was asked for
  local name=$1 limit="LIMIT_$1" start=$SECONDS
  limit=${!limit:-$2}
  shift 2
  export PART_LIMIT=$limit
  case " $PARTS " in *" $name "*) ;; *) return 0 ;; esac
  timeout -s INT -k 10 "$limit" bash -c '"$@"' part "$@" >"$OUT/$name.log" 2>&1
  local code=$?
  echo "exit code $code after $((SECONDS - start)) s (limit $limit)" >>"$OUT/$name.log"
  echo "$name: exit code $code, $((SECONDS - start)) s"
  [ $code = 0 ] || FAILED=$((FAILED + 1))
}

tests() {
  # Interrupted by its time limit, pytest still reports. Another PyTorch warns of other things than the one that the tests are written for.
  "$PY" -m pytest -m gpu -q -p no:cacheprovider -o filterwarnings=default --durations=5 --maxfail=20 ${TESTS:-} tests/gpu 2>&1
}

mvd() { "$PY" -m mvd "$@"; }

timed() { # timed WHAT COMMAND …
  local what=$1 start=$(date +%s.%N) code
  shift
  "$@"
  code=$?
  echo "TIME $what: $(echo "$(date +%s.%N) $start" | awk '{printf "%.1f", $1 - $2}') s, exit code $code"
  return $code
}

run() {
  cat "$OUT/people.log"
  [ -d "$WORK/people" ] || return
  # Not through the function: what is killed has to be Python itself, not a shell around it.
  "$PY" -m mvd train "$WORK/people" --out "$WORK/run" --runtime.device $DEVICE $TRAIN --evaluate none &
  local pid=$!
  local start=$SECONDS
  while [ $((SECONDS - start)) -lt "$KILL_AFTER" ] && kill -0 $pid 2>/dev/null; do
    sleep 0.5
    # The speed of a CPU is unknown: there the run is killed after the first checkpoint.
    [ "$TINY" = 1 ] && [ -f "$WORK/run/checkpoints/last.safetensors" ] && break
  done
  kill -9 $pid 2>/dev/null && echo "killed after $((SECONDS - start)) s"
  wait $pid
  timed resume mvd train --resume "$WORK/run" --evaluate none && timed evaluate mvd evaluate "$WORK/run"
  local code=$?
  learnt "$WORK/run" metrics.jsonl
  return $code
}

learnt() { # learnt RUN FILE: keep what a run has learnt, also if it was interrupted
  cp "$1/metrics.jsonl" "$OUT/$2" 2>/dev/null && "$PY" benchmarks/learning.py "$1"
}

strong() {
  timed prepare mvd prepare "$WORK/people" $STRONG_SIZE || return
  timed strong mvd train "$WORK/people" --out "$WORK/strong" $STRONG --runtime.device $DEVICE
  local code=$?
  learnt "$WORK/strong" strong.jsonl
  return $code
}

ladder() {
  [ -d "$WORK/ladder-people" ] || timed render mvd synth "$WORK/ladder-people" $LADDER_PEOPLE || return
  timed prepare mvd prepare "$WORK/ladder-people" $LADDER_SIZE || return
  # Its own limit, most of what is left of the part's: the table is written last, and what is done by then is kept, too.
  timed ladder timeout -s INT -k 10 "${LADDER_SECONDS:-$(((PART_LIMIT - SECONDS) * 15 / 16))}" \
    "$PY" -m mvd ablate "$WORK/ladder-people" --out "$WORK/ladder" $LADDER --runtime.device $DEVICE --format markdown
  local code=$?
  tar -C "$WORK" -cf "$OUT/ladder.tar" $(cd "$WORK" && find ladder -name "*.json" -size -200k)
  return $code
}

people() {
  [ -d "$WORK/people" ] || timed render mvd synth "$WORK/people" $SYNTH
  timed prepare mvd prepare "$WORK/people" $SIZE
}

export -f tests mvd timed run learnt strong ladder
export TINY PY OUT WORK SYNTH SIZE TRAIN DEVICE KILL_AFTER STRONG STRONG_SIZE LADDER LADDER_PEOPLE LADDER_SIZE

part card 40 "$PY" benchmarks/card.py
# Rendering uses only the CPU, so it runs beside the tests, which are not timed.
case " $PARTS " in *" run "* | *" strong "*) people >"$OUT/people.log" 2>&1 & ;; esac
part tests 120 tests
wait
part step 220 "$PY" benchmarks/step.py --recipe mvd $STEP --rows $STEP_ROWS --json "$OUT/step.json"
part embed 60 "$PY" benchmarks/embed.py arrays $EMBED
part run 460 run
part strong 360 strong
part ladder 400 ladder
part step384 60 "$PY" benchmarks/step.py --recipe mvd-strong $STEP $STEP384 --rows $STEP384_ROWS --json "$OUT/step384.json"
part cvpr21 130 "$PY" benchmarks/step.py --recipe mvd-cvpr21 $STEP --rows $CVPR21_ROWS --json "$OUT/cvpr21.json"
part export 90 "$PY" -m pytest -q -p no:cacheprovider -o filterwarnings=default tests/commands/weights/test_export.py -x
part more 240 "$PY" benchmarks/step.py --recipe mvd $STEP --rows $MORE_ROWS --profile --json "$OUT/more.json"

for name in $PARTS; do
  [ -f "$OUT/$name.log" ] && echo "== $name" && tail -n "${TAIL:-16}" "$OUT/$name.log" | cut -c1-200
done
# On a GPU what counts is what came out; in a check on the CPU, that nothing failed.
[ "$TINY" = 1 ] && exit $FAILED
exit 0
