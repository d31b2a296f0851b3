"""Makers of the transformers of the zoo, by the input and target that they are fitted on."""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn import (
    compose,
    decomposition,
    ensemble,
    feature_extraction,
    feature_selection,
    impute,
    linear_model,
    neighbors,
    preprocessing,
)
from sklearn.feature_extraction import text
from sklearn.pipeline import FeatureUnion, make_pipeline

from .zoo_classifiers import Makers

_NUMBERS: Makers = {
    "StandardScaler": preprocessing.StandardScaler,
    "StandardScaler, no mean": lambda: preprocessing.StandardScaler(with_mean=False),
    "MinMaxScaler": lambda: preprocessing.MinMaxScaler(clip=True),
    "MaxAbsScaler": preprocessing.MaxAbsScaler,
    "RobustScaler": preprocessing.RobustScaler,
    "Normalizer": preprocessing.Normalizer,
    "Binarizer": lambda: preprocessing.Binarizer(threshold=2),
    "PowerTransformer": preprocessing.PowerTransformer,
    "PowerTransformer, box-cox": lambda: preprocessing.PowerTransformer("box-cox", standardize=False),
    "QuantileTransformer": lambda: preprocessing.QuantileTransformer(n_quantiles=10),
    "QuantileTransformer, normal": lambda: preprocessing.QuantileTransformer(
        n_quantiles=10, output_distribution="normal"
    ),
    "PolynomialFeatures": preprocessing.PolynomialFeatures,
    "PolynomialFeatures, interactions": lambda: preprocessing.PolynomialFeatures(
        (2, 3), interaction_only=True, include_bias=False
    ),
    "SplineTransformer": preprocessing.SplineTransformer,
    "SplineTransformer, periodic": lambda: preprocessing.SplineTransformer(
        4, degree=2, extrapolation="periodic", include_bias=False
    ),
    "SplineTransformer, linear": lambda: preprocessing.SplineTransformer(extrapolation="linear"),
    "SplineTransformer, sparse": lambda: preprocessing.SplineTransformer(
        sparse_output=True, knots="quantile", extrapolation="continue"
    ),
    **{
        f"KBinsDiscretizer, {encode}": partial(
            preprocessing.KBinsDiscretizer, 3, encode=encode, quantile_method="averaged_inverted_cdf"
        )
        for encode in ("onehot", "onehot-dense", "ordinal")
    },
    "KBinsDiscretizer, k-means": lambda: preprocessing.KBinsDiscretizer(3, strategy="kmeans"),
    "FunctionTransformer": lambda: preprocessing.FunctionTransformer(np.log1p, np.expm1),
    "FunctionTransformer, identity": preprocessing.FunctionTransformer,
    "PCA": lambda: decomposition.PCA(3),
    "PCA, whitened": lambda: decomposition.PCA(0.9, whiten=True),
    "TruncatedSVD": lambda: decomposition.TruncatedSVD(3),
    "VarianceThreshold": feature_selection.VarianceThreshold,
    "SelectKBest": lambda: feature_selection.SelectKBest(feature_selection.f_regression, k=3),
    "SelectKBest, all": lambda: feature_selection.SelectKBest(
        feature_selection.mutual_info_regression, k="all"
    ),
    "SelectPercentile": lambda: feature_selection.SelectPercentile(feature_selection.f_regression),
    "SelectFromModel": lambda: feature_selection.SelectFromModel(linear_model.Lasso()),
    "RFE": lambda: feature_selection.RFE(linear_model.Ridge(), n_features_to_select=3),
    "NearestNeighbors": lambda: neighbors.NearestNeighbors(n_neighbors=3),
    "NearestNeighbors, brute": lambda: neighbors.NearestNeighbors(n_neighbors=3, algorithm="brute"),
    "ColumnTransformer": lambda: compose.ColumnTransformer(
        [("a", preprocessing.StandardScaler(), [2, 3]), ("b", preprocessing.OneHotEncoder(), [0, 1])],
        remainder="passthrough",
    ),
    "ColumnTransformer, mask": lambda: compose.ColumnTransformer(
        [
            ("a", "passthrough", [True, *[False] * 6]),
            ("b", preprocessing.MinMaxScaler(), slice(1, 3)),
            ("c", "drop", [3]),
        ],
        transformer_weights={"a": 2.0},
        sparse_threshold=0,
    ),
    "FeatureUnion": lambda: FeatureUnion(
        [("a", preprocessing.StandardScaler()), ("b", decomposition.PCA(2)), ("c", "passthrough")]
    ),
    "a pipeline of transformers": lambda: make_pipeline(
        preprocessing.StandardScaler(), "passthrough", preprocessing.PolynomialFeatures()
    ),
    "one-hot forest": lambda: make_pipeline(
        preprocessing.OneHotEncoder(handle_unknown="ignore"), ensemble.RandomForestRegressor(2, max_depth=3)
    ),
}
_NAN: Makers = {
    "SimpleImputer": impute.SimpleImputer,
    "SimpleImputer, constant": lambda: impute.SimpleImputer(strategy="constant", add_indicator=True),
    "SimpleImputer, most frequent": lambda: impute.SimpleImputer(
        strategy="most_frequent", keep_empty_features=True
    ),
    "KNNImputer": lambda: impute.KNNImputer(n_neighbors=2, add_indicator=True),
    "MissingIndicator": impute.MissingIndicator,
    "MissingIndicator, all": lambda: impute.MissingIndicator(features="all", sparse=True),
    "StandardScaler, NaN": preprocessing.StandardScaler,
}
_CATEGORIES: Makers = {
    "OneHotEncoder": preprocessing.OneHotEncoder,
    "OneHotEncoder, ignoring": lambda: preprocessing.OneHotEncoder(handle_unknown="ignore"),
    "OneHotEncoder, drop": lambda: preprocessing.OneHotEncoder(drop="first", sparse_output=False),
    "OneHotEncoder, infrequent": lambda: preprocessing.OneHotEncoder(
        max_categories=3, handle_unknown="infrequent_if_exist", drop="if_binary"
    ),
    "OrdinalEncoder": preprocessing.OrdinalEncoder,
    "OrdinalEncoder, unknown": lambda: preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=10
    ),
    "OrdinalEncoder, NaN": lambda: preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-2
    ),
    "TargetEncoder": lambda: preprocessing.TargetEncoder(target_type="continuous", cv=2),
}
MAKERS: tuple[tuple[str, str, Makers], ...] = (
    ("numbers", "number", _NUMBERS),
    ("nan", "number", _NAN),
    ("categories", "number", _CATEGORIES),
    ("nan categories", "number", _CATEGORIES),
    ("words", "number", _CATEGORIES),
    (
        "categories",
        "two",
        {"TargetEncoder, two": lambda: preprocessing.TargetEncoder(target_type="binary", cv=2)},
    ),
    (
        "categories",
        "labels",
        {
            "TargetEncoder, classes": lambda: preprocessing.TargetEncoder(target_type="multiclass", cv=2),
            "SelectKBest, chi2": lambda: feature_selection.SelectKBest(feature_selection.chi2, k=2),
        },
    ),
    (
        "texts",
        "number",
        {
            "CountVectorizer": text.CountVectorizer,
            "CountVectorizer, characters": lambda: text.CountVectorizer(
                analyzer="char_wb", ngram_range=(2, 3), binary=True, max_features=20
            ),
            "CountVectorizer, vocabulary": lambda: text.CountVectorizer(
                vocabulary=["green", "taxi"], stop_words="english", strip_accents="unicode"
            ),
            "TfidfVectorizer": text.TfidfVectorizer,
            "TfidfVectorizer, sublinear": lambda: text.TfidfVectorizer(
                sublinear_tf=True, norm="l1", ngram_range=(1, 2), stop_words=["long"]
            ),
            "TfidfTransformer": lambda: make_pipeline(
                text.CountVectorizer(), text.TfidfTransformer(), linear_model.Ridge()
            ),
            "TfidfTransformer, no idf": lambda: make_pipeline(
                text.CountVectorizer(), text.TfidfTransformer(use_idf=False), linear_model.Ridge()
            ),
        },
    ),
    (
        "frame",
        "number",
        {
            "columns by name": lambda: compose.ColumnTransformer(
                [
                    ("a", preprocessing.OneHotEncoder(), ["a", "b"]),
                    ("b", preprocessing.StandardScaler(), compose.make_column_selector("[c-e]")),
                ]
            ),
            "frames": lambda: make_pipeline(
                preprocessing.StandardScaler().set_output(transform="pandas"), linear_model.Ridge()
            ),
        },
    ),
    (
        "dicts",
        "number",
        {
            "DictVectorizer": feature_extraction.DictVectorizer,
            "dicts": lambda: make_pipeline(
                feature_extraction.DictVectorizer(sparse=False), linear_model.LinearRegression()
            ),
        },
    ),
)
