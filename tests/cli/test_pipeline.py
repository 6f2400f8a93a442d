"""From a section on disk to its metrics."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import spatialdata

import spacrd
from tests.making.toys import LABELS


def test_patches_are_written_to_a_new_store(toys: Path, tmp_path: Path, cli) -> None:
    out = tmp_path / "patches.zarr"
    said = cli("patches", toys / "raw_3.zarr", "--out", out, "--json", "--store-shapes")
    assert said.code == 0, said.err
    found = said.json
    assert found["command"] == "patches" and found["spacrd"] == spacrd.__version__
    assert found["outputs"] == [str(out)] and found["warnings"] == []
    assert found["settings"]["patch_um"] is None and found["settings"]["encoder"] == "handcrafted"
    assert found["sections"][0]["mpp"] == pytest.approx(1, rel=1e-3)
    written, before = spatialdata.read_zarr(out), spatialdata.read_zarr(toys / "toy_3.zarr")
    assert "toy_3_handcrafted_patches" in written.shapes
    np.testing.assert_array_equal(
        written.tables["table"].obsm[found["embedding"]], before.tables["table"].obsm["X_handcrafted"]
    )
    np.testing.assert_array_equal(*(np.asarray(s.images["toy_3_hires_image"]) for s in (written, before)))
    assert [item.name for item in tmp_path.iterdir()] == ["patches.zarr"]


def test_regions_become_labels(toys: Path, tmp_path: Path, cli) -> None:
    xy = spatialdata.read_zarr(toys / "raw_3.zarr").tables["table"].obsm["spatial"]
    right = float(np.median(xy[:, 0])) + 1
    corners = [[right, 0], [1200, 0], [1200, 1200], [right, 1200], [right, 0]]
    region = {"type": "Polygon", "coordinates": [corners]}
    drawn = {"type": "Feature", "geometry": region, "properties": {"classification": {"name": "Tumor"}}}
    (tmp_path / "drawn.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [drawn]}))
    words = ["annotate", toys / "raw_3.zarr", "--regions", tmp_path / "drawn.geojson", "--key-added", "qupath"]
    said = cli(*words, "--out", tmp_path / "labelled.zarr", "--json")
    assert said.code == 0, said.err
    n = int((xy[:, 0] > right).sum())
    assert said.json["classes"] == {"Tumor": n} and said.json["unlabelled"] == len(xy) - n
    labels = spatialdata.read_zarr(tmp_path / "labelled.zarr").tables["table"].obs["qupath"]
    np.testing.assert_array_equal(labels == "Tumor", xy[:, 0] > right)
    words[3] = "absent.geojson"
    said = cli(*words, "--out", tmp_path / "again.zarr")
    assert said.code == 2 and "absent.geojson" in said.err


def test_fit_saves_the_model_and_sums_it_up(toys: Path, model: Path, cli) -> None:
    assert spacrd.SpaCRD.load(model).config.positive == ("invasive cancer", "cancer in situ")
    genes = toys / "genes.txt"
    genes.write_text("\n".join(spatialdata.read_zarr(toys / "toy_1.zarr").tables["table"].var_names[:20]) + "\n")
    words = ["fit", toys / "toy_1.zarr", toys / "toy_2.zarr", *LABELS, "--modality", "expression", "--genes", genes]
    said = cli(*words, "--out", toys / "gene_model")
    assert said.code == 0, said.err
    loaded = spacrd.SpaCRD.load(toys / "gene_model")
    assert loaded.id in said.out and len(loaded.config.expression.genes) == 20
    assert "Fitting" in said.err and "Fitting" not in said.out


def test_of_several_processes_the_first_alone_speaks_and_saves(
    toys: Path, model: Path, tmp_path: Path, cli, monkeypatch
) -> None:
    calls = []

    @functools.wraps(spacrd.tl.fit)
    def fit(sections: object, **arguments: object) -> spacrd.SpaCRD:
        calls.append(arguments["devices"])
        return spacrd.SpaCRD.load(model)

    monkeypatch.setattr(spacrd.tl, "fit", fit)
    words = ["fit", toys / "toy_1.zarr", *LABELS, "--devices", 2, "--out", tmp_path / "m", "--json"]
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert cli(*words) == (0, "", "") and not (tmp_path / "m").exists()
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert cli(*words).json["outputs"] == [str(tmp_path / "m")]
    assert calls == [2, 2]


@pytest.mark.parametrize("name", ["toy_3.zarr", "toy_3.h5ad"])
def test_score_and_evaluate_give_what_the_calls_give(name: str, toys: Path, model: Path, tmp_path: Path, cli) -> None:
    out, csv = tmp_path / name, tmp_path / "spots.csv"
    said = cli("score", toys / name, "--model", model, "--out", out, "--csv", csv, "--json")
    assert said.code == 0, said.err
    (section,) = said.json["sections"]
    assert section["section"] == "toy_3" and section["verdict"] in {"tumour", "no tumour", "unclear"}
    if name.endswith(".zarr"):
        scored = spatialdata.read_zarr(out)
        direct = spatialdata.read_zarr(toys / name)
    else:
        scored, direct = ad.read_h5ad(out), ad.read_h5ad(toys / name)
    table = scored if isinstance(scored, ad.AnnData) else scored.tables["table"]
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", spacrd.SpacrdWarning)
        spacrd.tl.score(direct, spacrd.SpaCRD.load(model))
    record = table.uns["spacrd"]["spacrd"]
    assert (record["n_training"], record["training_platforms"]) == (2, "2 Visium")
    expected = (direct if isinstance(direct, ad.AnnData) else direct.tables["table"]).obs
    np.testing.assert_array_equal(table.obs["spacrd_likelihood"], expected["spacrd_likelihood"])
    assert section["share_cancer"] == pytest.approx((expected["spacrd_region"] == "cancer").mean())
    assert section["threshold"] == pytest.approx(table.uns["spacrd"]["spacrd"]["sections"]["toy_3"]["threshold"])
    spots = pd.read_csv(csv)
    assert list(spots["spot"]) == list(table.obs_names)
    np.testing.assert_allclose(spots["likelihood"], expected["spacrd_likelihood"], rtol=1e-5)
    np.testing.assert_allclose(spots[["x", "y"]], table.obsm["spatial"])

    direct_metrics = spacrd.metrics.evaluate(scored, "pathologist", positive=["invasive cancer", "cancer in situ"])
    found = cli("evaluate", out, *LABELS, "--json")
    assert found.json["sections"][0]["auc"] == pytest.approx(direct_metrics["auc"].iloc[0])
    shown = cli("evaluate", out, *LABELS, "--quiet")
    assert "auc" in shown.out and not shown.err


def test_several_sections_into_a_folder(toys: Path, model: Path, tmp_path: Path, cli) -> None:
    words = ["score", toys / "toy_2.zarr", toys / "toy_3.h5ad", "--model", model, "--out-dir", tmp_path / "scored"]
    said = cli(*words, "--json", "--quiet", "--csv", tmp_path / "all.csv")
    assert said.code == 0, said.err
    assert sorted(item.name for item in (tmp_path / "scored").iterdir()) == ["toy_2.zarr", "toy_3.h5ad"]
    assert pd.read_csv(tmp_path / "all.csv")["input"].nunique() == 2
    assert any("'toy_2' was fitted on, or shares spots" in text for text in said.json["warnings"])
    assert all(line.startswith("spacrd: warning:") for line in said.err.splitlines())  # quiet is not deaf
    both = cli("evaluate", *sorted((tmp_path / "scored").iterdir()), *LABELS)
    assert both.out.count("toy_") == 4  # input and section of each


def test_anndata_is_read_and_written_as_zarr(toys: Path, model: Path, tmp_path: Path, cli) -> None:
    store = tmp_path / "flat.zarr"
    assert cli("score", toys / "toy_3.h5ad", "--model", model, "--out", store).code == 0
    again = cli("score", store, "--model", model, "--key-added", "again", "--out", tmp_path / "back.h5ad")
    assert again.code == 0, again.err
    obs = ad.read_h5ad(tmp_path / "back.h5ad").obs
    assert (obs["again_likelihood"] == obs["spacrd_likelihood"]).all()


def test_paths_with_spaces_and_other_letters(toys: Path, model: Path, tmp_path: Path, cli, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("Ünïcode Schnitte 切片")
    folder.mkdir()
    (folder / "toy 3.h5ad").write_bytes((toys / "toy_3.h5ad").read_bytes())
    out = folder / "новая папка" / "bewertet é.h5ad"
    said = cli("score", folder / "toy 3.h5ad", "--model", model, "--out", out, "--json")
    assert said.code == 0 and said.out.isascii() and said.json["outputs"] == [str(out)]
    assert out.is_file()


def test_several_sections_make_one_report(toys: Path, model: Path, tmp_path: Path, cli) -> None:
    scored = tmp_path / "scored"
    said = cli("score", toys / "toy_1.zarr", toys / "toy_3.h5ad", "--model", model, "--out-dir", scored)
    assert said.code == 0, said.err
    inputs = sorted(scored.iterdir())
    out = tmp_path / "reports" / "cohort"
    said = cli("report", *inputs, "--model", model, "--out", out, "--json")
    assert said.code == 0, said.err
    assert said.json["outputs"] == [str(out)]
    assert sorted(file.name for file in out.iterdir()) == ["1_toy_1.html", "2_toy_3.html", "index.html"]
    said = cli("report", *inputs, "--out", out)
    assert said.code == 2 and "Reading" not in said.err and "--overwrite" in said.err
    said = cli("report", *inputs, "--out", inputs[0] / "report", "--overwrite")
    assert said.code == 2 and "over or into" in said.err
    assert cli("report", *inputs, "--out", tmp_path / "all.html").code == 0
    assert (tmp_path / "all.html").read_text().count("<article") == 2


def test_adapt_gives_what_the_call_gives(toys: Path, model: Path, tmp_path: Path, cli) -> None:
    direct = ad.read_h5ad(toys / "toy_3.h5ad")
    direct.obs["few"] = direct.obs["pathologist"].where(np.arange(direct.n_obs) % 5 == 0)
    direct.write_h5ad(tmp_path / "few.h5ad")
    words = ["adapt", tmp_path / "few.h5ad", "--model", model, "--label-key", "few", "--out", tmp_path / "out.h5ad"]
    said = cli(*words, "--json")
    assert said.code == 0, said.err
    spacrd.tl.adapt(direct, spacrd.SpaCRD.load(model), "few")
    written = ad.read_h5ad(tmp_path / "out.h5ad")
    np.testing.assert_array_equal(written.obs["spacrd_likelihood"], direct.obs["spacrd_likelihood"])
    (section,) = said.json["sections"]
    assert section["n_labelled"] == direct.obs["few"].notna().sum() and section["verdict"] == "tumour"
    shown = cli(*words, "--overwrite", "--positive", "invasive cancer")
    assert shown.code == 0 and "n_labelled" in shown.out and "Adapting to the labels of" in shown.err
    before = (tmp_path / "out.h5ad").stat().st_mtime_ns
    refused = cli(*words, "--overwrite", "--positive", "stroma")
    assert refused.code == 2 and "positive class 'stroma' does not occur in obs['few']" in refused.err
    assert (tmp_path / "out.h5ad").stat().st_mtime_ns == before
    words[words.index("few")] = "absent"
    refused = cli(*words, "--overwrite")
    assert refused.code == 2 and "absent" in refused.err
