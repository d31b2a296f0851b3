"""Rows of the linear models: predictions are one matrix product with `coef_`, and `intercept_` added."""

from __future__ import annotations

from threeways.artifact.sklearn.containers import Array
from threeways.artifact.sklearn.rows import IN, NONE, NUMBER, RECORD, Row, row
from threeways.artifact.sklearn.slots import OneOf, Part
from threeways.artifact.sklearn.table.labels import decisions

_COEF = Array("f", "in | out in")
_ONE = Array("f", "in")
_INTERCEPT = OneOf(NUMBER, Array("f", "out"))
_ANY_LINEAR = {**IN, "coef_": _COEF, "intercept_": _INTERCEPT}
_ONE_TARGET = {**IN, "coef_": _ONE, "intercept_": OneOf(NUMBER, Array("f", "1"))}
_BY_CLASS = {
    **IN,
    "classes_": Array("biufUO", "classes"),
    "coef_": Array("f", "decisions in"),
    "intercept_": OneOf(NUMBER, Array("f", "decisions")),
}
_SGD_RECORDS = "t_ n_iter_ _standard_coef _standard_intercept _average_coef _average_intercept"
_SGD_PARAMETERS = (
    "alpha average early_stopping epsilon eta0 fit_intercept l1_ratio learning_rate loss max_iter "
    "n_iter_no_change penalty power_t random_state shuffle tol validation_fraction verbose warm_start"
)

ROWS: list[Row] = [
    *row(
        "sklearn.linear_model._base",
        "LinearRegression",
        "regressor",
        "copy_X fit_intercept n_jobs positive tol",
        "rank_ singular_",
        **_ANY_LINEAR,
    ),
    *row(
        "sklearn.linear_model._ridge",
        "Ridge",
        "regressor",
        "alpha copy_X fit_intercept max_iter positive random_state solver tol",
        "n_iter_ solver_",
        **_ANY_LINEAR,
    ),
    *row(
        "sklearn.linear_model._ridge",
        "RidgeCV",
        "regressor",
        "alpha_per_target alphas cv fit_intercept gcv_mode scoring store_cv_results",
        "alpha_ best_score_ cv_results_",
        **_ANY_LINEAR,
    ),
    *row(
        "sklearn.linear_model._coordinate_descent",
        "ElasticNet Lasso",
        "regressor",
        "alpha copy_X fit_intercept l1_ratio max_iter positive precompute random_state "
        "selection tol warm_start",
        "n_iter_ dual_gap_",
        maybe={"precompute": RECORD},
        **_ANY_LINEAR,
    ),
    *row(
        "sklearn.linear_model._coordinate_descent",
        "ElasticNetCV LassoCV",
        "regressor",
        "alphas copy_X cv eps fit_intercept l1_ratio max_iter n_jobs positive precompute "
        "random_state selection tol verbose",
        "n_iter_ dual_gap_ mse_path_ l1_ratio_ l1_ratio alpha_ alphas_ precompute",
        **_ONE_TARGET,
    ),
    *row(
        "sklearn.linear_model._coordinate_descent",
        "MultiTaskElasticNet MultiTaskLasso",
        "regressor",
        "alpha copy_X fit_intercept l1_ratio max_iter random_state selection tol warm_start",
        "n_iter_ dual_gap_ eps_",
        **_ANY_LINEAR,
    ),
    *row(
        "sklearn.linear_model._coordinate_descent",
        "MultiTaskElasticNetCV MultiTaskLassoCV",
        "regressor",
        "alphas copy_X cv eps fit_intercept l1_ratio max_iter n_jobs positive precompute "
        "random_state selection tol verbose",
        "n_iter_ dual_gap_ mse_path_ l1_ratio_ l1_ratio alpha_ alphas_",
        **_ANY_LINEAR,
    ),
    *row(
        "sklearn.linear_model._bayes",
        "ARDRegression BayesianRidge",
        "regressor",
        "alpha_1 alpha_2 alpha_init compute_score copy_X fit_intercept lambda_1 lambda_2 "
        "lambda_init max_iter threshold_lambda tol verbose",
        "X_offset_ X_scale_ scores_ n_iter_ alpha_ sigma_ lambda_",
        **_ONE_TARGET,
    ),
    *row(
        "sklearn.linear_model._glm.glm",
        "GammaRegressor PoissonRegressor TweedieRegressor",
        "regressor",
        "alpha fit_intercept link max_iter power solver tol verbose warm_start",
        "n_iter_",
        **_ONE_TARGET,
        _base_loss=Part("loss"),
    ),
    *row(
        "sklearn.linear_model._huber",
        "HuberRegressor",
        "regressor",
        "alpha epsilon fit_intercept max_iter tol warm_start",
        "n_iter_ scale_ outliers_",
        **_ONE_TARGET,
    ),
    *row(
        "sklearn.linear_model._least_angle",
        "Lars LassoLars LarsCV LassoLarsCV LassoLarsIC",
        "regressor",
        "alpha copy_X criterion cv eps fit_intercept fit_path jitter max_iter max_n_alphas "
        "n_jobs n_nonzero_coefs noise_variance positive precompute random_state verbose",
        "alphas_ alpha_ n_iter_ active_ coef_path_ cv_alphas_ mse_path_ criterion_ noise_variance_ "
        "precompute",
        **_ANY_LINEAR,
    ),
    *row(
        "sklearn.linear_model._omp",
        "OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV",
        "regressor",
        "copy cv fit_intercept max_iter n_jobs n_nonzero_coefs precompute tol verbose",
        "n_nonzero_coefs_ n_iter_",
        **_ANY_LINEAR,
    ),
    *row(
        "sklearn.linear_model._quantile",
        "QuantileRegressor",
        "regressor",
        "alpha fit_intercept quantile solver solver_options",
        "n_iter_ solver_options",
        **_ONE_TARGET,
    ),
    *row(
        "sklearn.linear_model._ransac",
        "RANSACRegressor",
        "regressor",
        "estimator is_data_valid is_model_valid loss max_skips max_trials min_samples "
        "random_state residual_threshold stop_n_inliers stop_probability stop_score",
        "n_skips_no_inliers_ n_skips_invalid_data_ n_skips_invalid_model_ n_trials_ inlier_mask_",
        **IN,
        estimator_=Part("regressor", "in"),
    ),
    *row(
        "sklearn.linear_model._theil_sen",
        "TheilSenRegressor",
        "regressor",
        "fit_intercept max_iter max_subpopulation n_jobs n_subsamples random_state tol verbose",
        "n_subpopulation_ breakdown_ n_iter_",
        **_ONE_TARGET,
    ),
    *row(
        "sklearn.linear_model._stochastic_gradient",
        "SGDRegressor",
        "regressor",
        _SGD_PARAMETERS,
        _SGD_RECORDS,
        **_ONE_TARGET,
    ),
    *row(
        "sklearn.linear_model._passive_aggressive",
        "PassiveAggressiveRegressor",
        "regressor",
        f"C {_SGD_PARAMETERS}",
        _SGD_RECORDS,
        **_ONE_TARGET,
    ),
    *row(
        "sklearn.svm._classes",
        "LinearSVR",
        "regressor",
        "C dual epsilon fit_intercept intercept_scaling loss max_iter random_state tol verbose",
        "n_iter_",
        **_ONE_TARGET,
    ),
    # classifiers
    *row(
        "sklearn.svm._classes",
        "LinearSVC",
        "classifier",
        "C class_weight dual fit_intercept intercept_scaling loss max_iter multi_class penalty "
        "random_state tol verbose",
        "n_iter_",
        rules=(decisions,),
        **_BY_CLASS,
    ),
    *row(
        "sklearn.linear_model._logistic",
        "LogisticRegression",
        "classifier",
        "C class_weight dual fit_intercept intercept_scaling l1_ratio max_iter n_jobs penalty "
        "random_state solver tol verbose warm_start",
        "n_iter_",
        rules=(decisions,),
        **_BY_CLASS,
    ),
    *row(
        "sklearn.linear_model._logistic",
        "LogisticRegressionCV",
        "classifier",
        "class_weight Cs cv dual fit_intercept intercept_scaling l1_ratios max_iter n_jobs "
        "penalty random_state refit scoring solver tol use_legacy_attributes verbose",
        "n_iter_ Cs_ Cs scores_ coefs_paths_ C_ l1_ratio_ l1_ratios_ l1_ratios",
        rules=(decisions,),
        **_BY_CLASS,
    ),
    *row(
        "sklearn.linear_model._ridge",
        "RidgeClassifier RidgeClassifierCV",
        "classifier",
        "alpha alpha_per_target alphas class_weight copy_X cv fit_intercept gcv_mode max_iter "
        "positive random_state scoring solver store_cv_results tol",
        "n_iter_ solver_ alpha_ best_score_ cv_results_ classes_",
        **IN,
        _label_binarizer=Part("LabelBinarizer"),
        coef_=Array("f", "in | decisions in"),
        intercept_=OneOf(NUMBER, Array("f", "decisions")),
    ),
    *(
        one
        for module, name, more in (
            ("_stochastic_gradient", "SGDClassifier", ""),
            ("_perceptron", "Perceptron", ""),
            ("_passive_aggressive", "PassiveAggressiveClassifier", "C"),
        )
        for one in row(
            f"sklearn.linear_model.{module}",
            name,
            "classifier",
            f"{more} class_weight n_jobs {_SGD_PARAMETERS}",
            f"{_SGD_RECORDS} _expanded_class_weight",
            rules=(decisions,),
            maybe={"_loss_function_": OneOf(NONE, Part("closs"))},
            **_BY_CLASS,
        )
    ),
]
