"""A training that was killed goes on as if nothing had happened."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from soilcore.core.errors import ModelError, Stopped
from soilcore.models.checkpoints import Checkpoint, checkpoint_for, keeping_checkpoints
from soilcore.models.training import train_network
from tests.engine.models.training.tiny import Dense, Greedy, Images, bits, course, images, parts, settings, spectra

ROOT = Path(__file__).resolve().parents[4]
SETTINGS = {"epochs": 6, "schedule": "cyclic", "half_cycle": 2, "optimizer": "adamw", "weight_decay": 1e-3, "clip": 1.0, "learning_rate": 3e-2}
CHILD = """
import sys
from soilcore.models.checkpoints import Checkpoint
from tests.engine.models.training.test_checkpoints import run

def listen(done, total, message):
    print(done, flush=True)
    sys.stdin.readline()

run(Checkpoint(sys.argv[1], every_s=0), listen)
"""


def noisy(batch, generator):
    return {"spectrum": batch["spectrum"] + generator.normal(0, 0.1, batch["spectrum"].shape).astype(np.float32)}


def run(checkpoint=None, report=lambda *_: None, seed=0, **given):
    """A training with all that is random; the network and its history."""
    data, target = spectra()
    network = Dense()
    hooks = {"augment": noisy, "groups": np.arange(80) % 2, "checkpoint": checkpoint, "report": report}
    history = train_network(network, data, target, *parts(80), settings(seed=seed, **(SETTINGS | given)), **hooks)
    return network, history


def killed_at(folder, done):
    """Run the training in a child process and kill it in the moment it says how far it is."""
    command = [sys.executable, "-c", CHILD, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        first = reached = float(child.stdout.readline())
        while reached < done:
            child.stdin.write("\n")
            child.stdin.flush()
            reached = float(child.stdout.readline())
        child.kill()
        child.wait()
    assert reached == done
    assert child.returncode != 0
    return first


def test_a_training_killed_in_mid_epoch_and_between_epochs_ends_with_the_same_bits(tmp_path):
    folder = tmp_path / "fit"
    assert killed_at(folder, 1.75) == 0.25  # the last state: two of the four batches of epoch 2
    assert Checkpoint(folder).read()[1]["state"]["step"] == 2
    assert killed_at(folder, 3.25) == 1.75  # the last state: the end of epoch 3
    assert Checkpoint(folder).read()[1]["state"]["epoch"] == 3
    assert Checkpoint(folder).read()[1]["state"]["step"] == 0
    resumed, history = run(Checkpoint(folder, every_s=0))
    whole, expected = run()
    assert bits(resumed) == bits(whole)
    assert course(history) == course(expected)
    assert (history.best_epoch, history.stopped, history.notes) == (expected.best_epoch, expected.stopped, ())


def stopping_at(limit):
    def listen(done, total, message):
        if done >= limit:
            raise Stopped

    return listen


@pytest.mark.parametrize("limit", [0.25, 2.5, 5.0])
def test_images_in_another_memory_layout_go_on_with_the_same_bits_too(tmp_path, limit):
    data, target = images()
    given = (data, target, *parts(48), settings())
    whole, resumed = Images(), Images()
    train_network(whole, *given)
    with pytest.raises(Stopped):
        train_network(Images(), *given, checkpoint=Checkpoint(tmp_path, every_s=0), report=stopping_at(min(limit, 3.9)))
    train_network(resumed, *given, checkpoint=Checkpoint(tmp_path))
    assert bits(resumed) == bits(whole)


def test_a_halved_batch_stays_halved_after_going_on(tmp_path):
    data, target = spectra()
    given = (data, target, *parts(80), settings(batch=32))
    with pytest.raises(Stopped):
        train_network(Greedy(Dense(), 9), *given, checkpoint=Checkpoint(tmp_path, every_s=0), report=stopping_at(2))
    resumed = Greedy(Dense(), 9)
    history = train_network(resumed, *given, checkpoint=Checkpoint(tmp_path))
    whole = Greedy(Dense(), 9)
    expected = train_network(whole, *given)
    assert bits(resumed) == bits(whole)
    assert history.batch == expected.batch == 8
    assert history.notes == expected.notes


def test_a_finished_fit_is_not_repeated(tmp_path):
    network, history = run(Checkpoint(tmp_path))
    asked = []
    again, told = run(Checkpoint(tmp_path), report=lambda *given: asked.append(given))
    assert bits(again) == bits(network)
    assert told == history
    assert asked == []


@pytest.mark.parametrize("change", [{"learning_rate": 1e-3}, {"seed": 5}, {"epochs": 5}], ids=str)
def test_a_checkpoint_of_other_settings_is_not_used(tmp_path, change):
    run(Checkpoint(tmp_path), epochs=2)
    _, history = run(Checkpoint(tmp_path), **change)
    assert history.notes == ("The checkpoint that was there is of other settings, data or weights; training began anew.",)
    assert history.rows[0]["epoch"] == 1


def test_a_damaged_checkpoint_is_said_and_training_begins_anew(tmp_path):
    expected, _ = run(Checkpoint(tmp_path))
    path = Checkpoint(tmp_path).path
    path.write_bytes(path.read_bytes()[:-100])
    left = tmp_path / ".state.0123abcd.safetensors"
    left.write_bytes(b"half a state")
    with pytest.raises(ModelError, match="cannot be read"):
        Checkpoint(tmp_path).read()
    network, history = run(Checkpoint(tmp_path))
    assert history.notes == ("The checkpoint that was there could not be read; training began anew.",)
    assert bits(network) == bits(expected)
    assert not left.exists()


def test_a_state_is_one_safetensors_file_with_json_facts(tmp_path):
    with pytest.raises(Stopped):
        run(Checkpoint(tmp_path, every_s=0), stopping_at(2.5))
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]
    with safe_open(tmp_path / "state.safetensors", "np") as stored:
        facts, names = json.loads(stored.metadata()["facts"]), set(stored.keys())
    assert facts["state"]["epoch"] == 2
    assert len(facts["state"]["rows"]) == 2
    assert {"network/head.weight", "best/head.weight", "optimizer/0/exp_avg", "optimizer/0/step"} <= names


def test_states_are_written_no_more_often_than_asked(tmp_path):
    checkpoint = Checkpoint(tmp_path / "seldom", every_s=3600)
    with pytest.raises(Stopped):
        run(checkpoint, stopping_at(5))
    assert not checkpoint.path.exists()
    run(checkpoint)
    assert checkpoint.read()[1]["finished"]


def test_a_task_keeps_its_fits_until_it_has_ended(tmp_path):
    folder = tmp_path / "checkpoints"
    assert checkpoint_for("a") is None
    with pytest.raises(Stopped), keeping_checkpoints(folder, every_s=0):
        first, _ = run(checkpoint_for("a"))
        run(checkpoint_for("b"), stopping_at(3))
    assert checkpoint_for("a") is None
    assert {path.name for path in folder.iterdir()} == {"a", "b"}
    epochs = []
    with keeping_checkpoints(folder, resume=True, every_s=0):
        again, _ = run(checkpoint_for("a"), lambda done, *_: epochs.append(done))
        run(checkpoint_for("b"), lambda done, *_: epochs.append(done))
        assert epochs[0] == 3.0  # nothing of a, and b from the batch before it was stopped
    assert bits(again) == bits(first)
    assert not folder.exists()


def test_without_resuming_a_task_begins_anew(tmp_path):
    with pytest.raises(Stopped), keeping_checkpoints(tmp_path / "kept", every_s=0):
        run(checkpoint_for("a"), stopping_at(3))
    with keeping_checkpoints(tmp_path / "kept"):
        assert checkpoint_for("a").read() == ({}, None)


def test_two_tasks_with_the_same_settings_at_once_keep_their_states_apart(tmp_path):
    with pytest.raises(Stopped), keeping_checkpoints(tmp_path / "kept", every_s=0):
        run(checkpoint_for("a"))
        with keeping_checkpoints(tmp_path / "kept", every_s=0):
            assert checkpoint_for("a").read() == ({}, None)
            run(checkpoint_for("a"), stopping_at(3))
    assert {path.name for path in tmp_path.iterdir()} == {"kept", "kept-2"}
    with keeping_checkpoints(tmp_path / "kept", resume=True), keeping_checkpoints(tmp_path / "kept", resume=True):
        assert not checkpoint_for("a").read()[1]["finished"]
    assert not list(tmp_path.iterdir())


def test_what_a_killed_task_left_is_found_although_another_began_after_it(tmp_path):
    with keeping_checkpoints(tmp_path / "kept"), pytest.raises(Stopped), keeping_checkpoints(tmp_path / "kept", every_s=0):
        run(checkpoint_for("a"), stopping_at(3))
    with keeping_checkpoints(tmp_path / "kept", resume=True):
        assert not checkpoint_for("a").read()[1]["finished"]


@pytest.mark.parametrize("key", ["../elsewhere", "", "a/b", "a" * 101, "ä"])
def test_a_key_cannot_lead_out_of_the_folder(tmp_path, key):
    with keeping_checkpoints(tmp_path / "kept"), pytest.raises(ValueError, match="letters, digits"):
        checkpoint_for(key)


def test_reading_and_keeping_need_no_network_library_until_a_state_is_written():
    code = "import sys; import soilcore.models.checkpoints; assert not {'torch', 'safetensors', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_best_weights_from_before_the_interruption_come_back(tmp_path):
    given = {"learning_rate": 3.0, "schedule": "constant", "epochs": 6}
    whole, expected = run(**given)
    assert expected.best_epoch < 6
    with pytest.raises(Stopped):
        run(Checkpoint(tmp_path, every_s=0), stopping_at(5.5), **given)
    resumed, history = run(Checkpoint(tmp_path), **given)
    assert history.best_epoch == expected.best_epoch
    assert all(torch.equal(values, whole.state_dict()[name]) for name, values in resumed.state_dict().items())
