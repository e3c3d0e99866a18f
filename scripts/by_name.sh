#!/usr/bin/env bash
# Trains or evaluates with the MindSpore release's settings. What is done is said by the name this is called by, one of
# the sixteen links beside it:
#
#     run_{standalone_train,eval}_{sysu_all,sysu_indoor,regdb_i2v,regdb_v2i}_{ascend,gpu}.sh
#
# Results are written to train_sysu_all/ and so on beside this file; older ones there are moved aside first. PYTHON
# says which Python to use; else it is the project's own environment, where there is one.
set -euo pipefail

name=$(basename "$0" .sh)
pattern='^run_(standalone_train|eval)_(sysu|regdb)_(all|indoor|i2v|v2i)_(ascend|gpu)$'
if [[ ! $name =~ $pattern ]]; then
  echo "$0: expected to be called by one of its sixteen names, such as run_eval_sysu_all_gpu.sh, beside it" >&2
  exit 2
fi
task=${BASH_REMATCH[1]#standalone_} dataset=${BASH_REMATCH[2]} mode=${BASH_REMATCH[3]} target=${BASH_REMATCH[4]}

if (($# < 3)); then
  echo "Usage: bash $0 DATASET_PATH CHECKPOINT_PATH DEVICE_ID [ARGUMENT OF $task.py ...]" >&2
  exit 2
fi
absolute() { case $1 in /* | "") printf '%s' "$1" ;; *) printf '%s' "$PWD/$1" ;; esac }
data=$(absolute "$1") checkpoint=$(absolute "$2") device=$3
shift 3
if [[ ! -d $data ]]; then
  echo "error: DATASET_PATH=$data is not a directory" >&2
  exit 1
fi
# Training may begin without a checkpoint (""); evaluation takes a run folder as well as a file.
if [[ ! -e $checkpoint && ! ($task == train && -z $checkpoint) ]]; then
  echo "error: CHECKPOINT_PATH=$checkpoint is not a file" >&2
  exit 1
fi

here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
root=$(dirname "$here")
python=${PYTHON:-$root/.venv/bin/python}
[[ -x $python || -n ${PYTHON:-} ]] || python=python

case $dataset in
  sysu) arguments=(--dataset SYSU --sysu_mode "$mode") steps=100 ;;
  regdb) arguments=(--dataset RegDB --regdb_mode "$mode" --trial 1) steps=30 ;;
esac
case $target in
  gpu) arguments+=(--device_target GPU --gpu "$device") ;;
  ascend) arguments+=(--device_target Ascend --device_id "$device") ;;
esac
case $task in
  train)
    arguments+=(--pretrain "$checkpoint" --tag "${dataset}_$mode" --optim adam --lr 0.0035 --loss_func id+tri)
    arguments+=(--epoch 80 --print_per_step "$steps")
    ;;
  eval) arguments+=(--resume "$checkpoint") ;;
esac

cd "$here"
results=${task}_${dataset}_$mode
if [[ -e $results ]]; then
  number=1
  while [[ -e $results.$number ]]; do number=$((number + 1)); done
  mv "$results" "$results.$number"
  echo "older results: $here/$results.$number"
fi
mkdir "$results"
cd "$results"
# The release's README looks for the figures of an evaluation under this name too.
[[ $task == train ]] || case $dataset in
  sysu) ln -s SYSU_eval_performance.txt SYSU_train_performance.txt ;;
  regdb) ln -s RegDB_eval_performance.txt RegDB_train_performance.txt ;;
esac
echo "results: $here/$results"
# tee outlives Ctrl-C, so that what the program says last is seen.
PYTHONUNBUFFERED=1 "$python" "$root/$task.py" --MSmode GRAPH_MODE --data_path "$data" "${arguments[@]}" "$@" 2>&1 |
  tee -i log
